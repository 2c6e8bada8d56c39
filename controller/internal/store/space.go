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
// is kept free is what Badger may still want for what it has been given. An
// urgent update may have most of that, down to what one table of memory takes:
// it is small, and comes seldom.
type space struct {
	path string
	keep uint64
	free func(path string) (uint64, error) // bytes; a test can fake it
}

func (sp space) check() error { return sp.leaves(sp.keep, errDiskFull) }

func (sp space) checkUrgent() error { return sp.leaves(sp.keep/4, errDiskFull) }

func (sp space) checkOpen() error { return sp.leaves(sp.keep/2, errNoRoomToOpen) }

func (sp space) leaves(keep uint64, full func(path string, free, keep uint64) error) error {
	free, err := sp.free(sp.path)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "data_dir_unusable", "the store's directory %s cannot be used: is its disk there?", sp.path)
	}
	if free < keep {
		return full(sp.path, free, keep)
	}
	return nil
}

// Space is what is free on the store's disk, and what must be: below that nothing
// is stored.
func (s *Store) Space() (free, reserve uint64, err error) {
	free, err = s.space.free(s.space.path)
	return free, s.space.keep, err
}

func freeBytes(path string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, fmt.Errorf("look for free space on the store's disk: %w", err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}
