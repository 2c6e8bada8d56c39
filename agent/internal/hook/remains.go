package hook

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// endTime is how long processes are ended over and over: one that is ended may
// have started others.
const endTime = 5 * time.Second

// endChildren ends this process's children but others, and those that become its
// children by that. It gives those that it cannot end: they are of another
// account, or the kernel does not let go of them.
func endChildren(others []int) []int {
	return endAll(func() []int {
		var met []int // also who is gone by that: its children may be ours from now on
		for _, pid := range children() {
			if !slices.Contains(others, pid) {
				met = append(met, pid)
				_ = unix.Kill(pid, unix.SIGKILL)
				_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
			}
		}
		return met
	})
}

// EndRemains ends the processes that have mark in their environment, as a hook of
// a process that was killed has, and whatever that started. They are found by what
// they were given and not by a number, which may be another's by now.
func EndRemains(mark string) (left []int) {
	return endAll(func() []int {
		var left []int
		for _, pid := range processes() {
			if pid != os.Getpid() && marked(pid, mark) && endMarked(pid, mark) {
				left = append(left, pid)
			}
		}
		return left
	})
}

// endMarked says whether it was there to be ended.
func endMarked(pid int, mark string) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if !marked(pid, mark) { // looked at again with the very process in hand
		return false
	}
	return !errors.Is(unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0), unix.ESRCH)
}

// endAll repeats a round until it finds nobody.
func endAll(round func() []int) (left []int) {
	for end := time.Now().Add(endTime); ; time.Sleep(2 * time.Millisecond) {
		if left = round(); len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

func marked(pid int, mark string) bool {
	env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	return err == nil && bytes.Contains(append([]byte{0}, env...), []byte("\x00"+mark+"\x00"))
}

// children are the processes whose parent this one is, by birth or because their
// own has gone.
func children() (out []int) {
	for _, pid := range processes() {
		if parent(pid) == os.Getpid() {
			out = append(out, pid)
		}
	}
	return out
}

// parent reads it behind the name, which may hold anything.
func parent(pid int) int {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(string(fields[1]))
	return n
}

func processes() (out []int) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			out = append(out, pid)
		}
	}
	return out
}
