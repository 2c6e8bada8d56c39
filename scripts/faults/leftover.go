package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// checkLeft: no process, no lock, no half-made file. What a crash left of a file
// goes at the next start.
func (t *trial) checkLeft() {
	for _, name := range hosts() {
		if err := errors.Join(t.daemons[name].down(syscall.SIGTERM), t.daemons[name].up()); err != nil {
			t.problem("restart: %v", err)
		}
	}
	if err := t.settle(); err != nil { // lists may follow
		t.problem("after the restarts: %v", err)
	}
	err := t.env.Await("nothing is left", func() (bool, error) {
		left := t.left()
		if len(left) > 0 {
			return false, fmt.Errorf("there is %s", strings.Join(left, ", "))
		}
		return true, nil
	})
	if err != nil {
		t.problem("%v", err)
	}
}

// left is what should not be there when nothing runs. A program that does may
// just be replacing a file.
func (t *trial) left() []string {
	left := append(t.strangers(), find(t.env.Repositories(), "lock.exclusive", "lock.roster")...)
	left = append(left, find(t.env.Controller.DataDir, ".tmp", ".new")...)
	for _, name := range hosts() {
		left = append(left, find(t.env.Hosts[name].StateDir, ".new-", ".tmp", ".fifo", ".spool")...)
	}
	return left
}

// strangers are processes of this fleet, whoever started them, besides its
// programs: their command line or their environment names its directory.
func (t *trial) strangers() (out []string) {
	known := []int{os.Getpid()}
	for _, u := range t.units() {
		known = append(known, u.p.PID())
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.problem("%v", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || slices.Contains(known, pid) {
			continue
		}
		// One that ends meanwhile is none.
		command, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		environ, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if bytes.Contains(append(command, environ...), []byte(t.dir+"/")) {
			stat, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
			_, state, _ := bytes.Cut(stat, []byte(") "))
			out = append(out, fmt.Sprintf("process %d (%.1s): %.200s", pid, state, bytes.ReplaceAll(command, []byte{0}, []byte{' '})))
		}
	}
	return out
}

// find gives the files whose names have one of the marks.
func find(dir string, marks ...string) (out []string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(d.Name(), m) }) {
			out = append(out, path)
		}
		return nil
	})
	if err != nil {
		return append(out, err.Error())
	}
	return out
}
