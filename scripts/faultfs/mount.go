package faultfs

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds the wait for processes that have been killed and whose files
// the kernel has not yet closed.
const patience = 10 * time.Second

// detach unmounts. A disk that is in use is taken away all the same, so that no
// mount outlives its test, and that is an error.
func (f *FS) detach() error {
	if f.server == nil {
		return nil
	}
	server := f.server
	f.server = nil
	err := unmount(f.mountpoint)
	if err != nil {
		err = errors.Join(
			fmt.Errorf("unmount %s (is a process still using it?): %w", f.mountpoint, err),
			unix.Unmount(f.mountpoint, unix.MNT_DETACH|unix.MNT_FORCE),
		)
		return err // the server ends when the last of them lets go
	}
	server.Wait()
	return nil
}

func unmount(mountpoint string) error {
	deadline := time.Now().Add(patience)
	for {
		err := unix.Unmount(mountpoint, 0)
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(2 * time.Millisecond) // the kernel tells nobody when a mount is no longer busy
	}
}
