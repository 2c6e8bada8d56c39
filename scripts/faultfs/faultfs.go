// Package faultfs is the disk of one host, for tests: a FUSE file system whose
// disk can be full, read-only, slow or refuse to sync, and whose power can be
// cut. Then what was not synced is gone, or there in part, as on a real disk.
//
// It holds everything in memory and starts empty. The programs that use it are
// other processes: a page of a mapped file that the mounting process itself
// faults in, and a program started from the file system or with its working
// directory there, would wait for a server that the same Go runtime may have
// stopped. Reading and writing files from there is fine, as long as it lives:
// should it die in the middle of that, its end waits for its own answer until
// somebody says umount -f.
//
// What it does not show: a write through a memory map meets a full disk at the
// next msync (EIO or ENOSPC), not as SIGBUS at the store, as on ext4.
package faultfs

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Order is how much a sync makes durable besides what it is asked for.
type Order int

const (
	// Strict is what POSIX promises and no more: a file's sync makes its data
	// durable, a directory's sync its names. Of all else, anything may be lost.
	Strict Order = iota
	// Ordered is what ext4 does: names change in one order for the whole disk,
	// and any sync makes all earlier changes of names durable. Badger needs
	// that: it never syncs the name of a new memtable.
	Ordered
)

// Options say what disk it is.
type Options struct {
	Seed  uint64 // of what a power cut leaves
	Order Order
}

// Faults are what is wrong with the disk. The zero value is a good disk.
type Faults struct {
	Full     bool // ENOSPC for whatever needs room; what overwrites in place goes on
	ReadOnly bool // EROFS for whatever changes something, and for syncs
	// FailSync fails every sync with EIO. As with Linux, what was to be synced
	// is then taken for written: a later sync that succeeds does not bring it.
	FailSync bool
	SlowSync time.Duration // how long each sync takes, if no other faults are set meanwhile
}

// Stats count what has reached the disk since it was mounted first.
type Stats struct {
	Syncs    uint64 // of files, those after synchronous writes included; also failed ones
	DirSyncs uint64 // of directories; also failed ones
	Writes   uint64
	Bytes    uint64 // written
	Used     int64  // bytes of the disk that are taken now
}

// FS is a mounted disk.
type FS struct {
	mountpoint string
	disk       *disk
	server     *fuse.Server // nil: not mounted
}

// Available says why there can be no file system here; nil: there can.
func Available() error {
	if os.Geteuid() != 0 {
		return errors.New("only root can mount a file system")
	}
	dev, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("no FUSE here: %w", err)
	}
	return dev.Close()
}

// Mount mounts an empty disk on a directory.
func Mount(mountpoint string, opt Options) (*FS, error) {
	f := &FS{mountpoint: mountpoint, disk: newDisk(opt)}
	return f, f.mount()
}

func (f *FS) mount() error {
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

// Dir is where the disk is mounted.
func (f *FS) Dir() string { return f.mountpoint }

// Fail sets what is wrong with the disk from now on.
func (f *FS) Fail(faults Faults) { f.disk.fail(faults) }

// Free sets how many more bytes the disk takes from now on; negative: any.
func (f *FS) Free(bytes int64) { f.disk.free(bytes) }

// Stats counts what has reached the disk.
func (f *FS) Stats() Stats { return f.disk.counted() }

// PowerCut cuts the power: from now on nothing reaches the disk. While kill
// runs, changes and syncs wait, so that no process gets to see a disk that
// fails before it is dead. kill sends SIGKILL to every process that uses the
// disk, and does not wait for their ends. After it, changes fail with EIO.
func (f *FS) PowerCut(kill func()) { f.disk.cut(kill) }

// PowerOn mounts what the disk has kept. Every process that used the disk must
// be gone. Faults stay as they are set.
func (f *FS) PowerOn() error {
	if err := f.detach(); err != nil {
		return err
	}
	f.disk.restart()
	return f.mount()
}

// Unmount takes the disk away with all that is on it.
func (f *FS) Unmount() error { return f.detach() }
