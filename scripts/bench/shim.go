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
			fmt.Fprintln(os.Stderr, `{"original_size": 1, "compressed_size": 1, "deduplicated_size": 1, "nfiles": 0, "path": "x", "time": 1.0, "type": "archive_progress", "finished": false}`)
			_ = os.WriteFile(filepath.Join(dir, fileSpoke), []byte(strconv.FormatInt(time.Now().UnixNano(), 10)), 0o600)
		}
	}
	err = syscall.Exec(string(real), append([]string{string(real)}, args[1:]...), os.Environ())
	fmt.Fprintln(os.Stderr, err)
	return 2
}

func (b *bench) stamp(name string) (time.Time, error) {
	data, err := os.ReadFile(filepath.Join(b.shimDir(), name))
	if err != nil {
		return time.Time{}, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return time.Unix(0, n), err
}
