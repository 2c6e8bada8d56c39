package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Files beside the shim through which it and the benchmarks talk.
const (
	fileReal     = "real"     // path of the real borg
	fileExecuted = "executed" // when the last create was executed, unix nanoseconds
	fileSpeak    = "speak"    // while it is there: say one progress message, and when
	fileSpoke    = "spoke"
)

func (b *bench) shimDir() string { return filepath.Join(b.dir, "shim") }

// installShim puts this program where the agent looks for borg: it notes when
// it is executed and becomes the real borg.
func (b *bench) installShim() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(b.shimDir(), 0o700); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(b.shimDir(), fileReal), []byte(b.real), 0o600); err != nil {
		return "", err
	}
	data, err := os.ReadFile(self)
	if err != nil {
		return "", err
	}
	return b.shimDir(), os.WriteFile(filepath.Join(b.shimDir(), "borg"), data, 0o700)
}

// shim is what runs as borg.
func shim(args []string) int {
	now := time.Now()
	self, err := exec.LookPath(args[0])
	if err != nil {
		self = args[0]
	}
	dir := filepath.Dir(self)
	real, err := os.ReadFile(filepath.Join(dir, fileReal))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if slices.Contains(args, "create") {
		_ = os.WriteFile(filepath.Join(dir, fileExecuted), []byte(strconv.FormatInt(now.UnixNano(), 10)), 0o600)
		if _, err := os.Stat(filepath.Join(dir, fileSpeak)); err == nil {
			_ = os.WriteFile(filepath.Join(dir, fileSpoke), []byte(strconv.FormatInt(time.Now().UnixNano(), 10)), 0o600)
			fmt.Fprintln(os.Stderr, `{"original_size": 1, "compressed_size": 1, "deduplicated_size": 1, "nfiles": 0, "path": "x", "time": 1.0, "type": "archive_progress", "finished": false}`)
		}
	}
	err = syscall.Exec(string(real), append([]string{string(real)}, args[1:]...), os.Environ())
	fmt.Fprintln(os.Stderr, err)
	return 2
}

// shimCost is what the shim itself needs to start, which is none of ours.
func (b *bench) shimCost() (sample, error) {
	var s sample
	for range 20 {
		t0 := time.Now()
		cmd := exec.CommandContext(b.ctx, filepath.Join(b.shimDir(), "borg"), "create", "--help")
		cmd.Dir = b.dir
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		if err := cmd.Wait(); err != nil {
			return nil, err
		}
		at, err := b.stamp(fileExecuted)
		if err != nil {
			return nil, err
		}
		s.add(at.Sub(t0))
	}
	return s, nil
}

func (b *bench) stamp(name string) (time.Time, error) {
	data, err := os.ReadFile(filepath.Join(b.shimDir(), name))
	if err != nil {
		return time.Time{}, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return time.Unix(0, n), err
}
