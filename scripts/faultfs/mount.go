package faultfs

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// patience bounds the wait for processes that have been killed and whose files
// the kernel has not yet closed.
const patience = 10 * time.Second

// mount is a disk in the process that serves it.
type mount struct {
	mountpoint string
	disk       *disk
	server     *fuse.Server // nil: not mounted
}

func (f *mount) attach() error {
	server, err := fuse.NewServer(newRequests(f.disk), f.mountpoint, &fuse.MountOptions{
		DirectMountStrict: true,
		AllowOther:        true,
		Options:           []string{"default_permissions"}, // the kernel judges modes and owners
		FsName:            "faultfs",
		Name:              "faultfs",
		MaxWrite:          1 << 20,
		// Nothing changes but through this mount, so what the kernel has cached
		// is right. Without this it drops the pages of a file, mapped ones
		// too, when it sees that its time has changed.
		ExplicitDataCacheControl: true,
		DisableReadDirPlus:       true,
		DisableXAttrs:            true,
	})
	if err != nil {
		return fmt.Errorf("mount a faulty disk on %s: %w", f.mountpoint, err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return errors.Join(fmt.Errorf("mount a faulty disk on %s: %w", f.mountpoint, err), server.Unmount())
	}
	f.server = server
	return nil
}

// detach unmounts. A disk that is in use is taken away all the same, so that no
// mount outlives its test, and that is an error.
func (f *mount) detach() error {
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
