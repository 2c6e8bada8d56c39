package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// tmpMark stands before the number of the process that writes a file aside.
const tmpMark = ".tmp"

// Sweep removes what processes left that died while they wrote a file aside in
// dir. Those of a living process are left alone. Whatever bears this process's own
// number is a former one's: Sweep belongs before the first write. A dir that is not there needs no sweeping.
func Sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	for _, e := range entries {
		pid, ok := writer(e.Name())
		if !ok || pid != os.Getpid() && alive(pid) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	return nil
}

// writer is the process that wrote the file aside.
func writer(name string) (pid int, ok bool) {
	_, rest, ok := strings.Cut(name, tmpMark)
	if !ok || !strings.HasPrefix(name, ".") {
		return 0, false
	}
	number, _, ok := strings.Cut(rest, "-")
	if !ok {
		return 0, false
	}
	pid, err := strconv.Atoi(number)
	return pid, err == nil && pid > 0
}

func alive(pid int) bool {
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
