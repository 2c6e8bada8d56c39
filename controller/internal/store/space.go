package store

import (
	"fmt"

	"golang.org/x/sys/unix"

	"borgfleet/controller/internal/fault"
)

// space stops writing while the disk is nearly full. Badger writes its log and
// its tables through sparse memory maps: where the disk refuses a page, the
// kernel answers with SIGBUS, which no Go program can catch in another's
// goroutine, and the controller would be gone in the middle of everything. What
// is kept free is what Badger may still want for what it has been given.
type space struct {
	path string
	keep uint64
	free func(path string) (uint64, error) // bytes; a test can fake it
}

func (sp space) check() error {
	free, err := sp.free(sp.path)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "data_dir_unusable", "the store's directory %s cannot be used: is its disk there?", sp.path)
	}
	if free < sp.keep {
		return errDiskFull(sp.path, free, sp.keep)
	}
	return nil
}

func freeBytes(path string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, fmt.Errorf("look for free space on the store's disk: %w", err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}
