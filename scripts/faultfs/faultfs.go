// Package faultfs is the disk of one host, for tests: a FUSE file system whose
// disk can be full, read-only, slow or refuse to sync, and whose power can be
// cut. Then what was not synced is gone, or there in part, as on a real disk.
//
// It holds everything in memory and starts empty. A process of its own serves
// it: one that uses files of a disk that it serves itself can wait for itself
// for ever, when its runtime stops the threads that serve while another one is
// in a system call that the runtime cannot see, as fork and exec are. So the
// main function, or the TestMain, of every program that mounts such a disk
// begins with Serving.
//
// What it does not show: a write through a memory map meets a full disk at the
// next msync (EIO or ENOSPC), not as SIGBUS at the store, as on ext4.
package faultfs

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
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
	// FailDirSync fails the syncs of directories. The names stay unsynced, and a
	// later sync that succeeds does bring them.
	FailDirSync bool
	FailNth     uint64        // the n-th sync from now on fails, and it alone; 0: none
	SlowSync    time.Duration // how long each sync takes, if no other faults are set meanwhile
}

// Stats count what has reached the disk since it was mounted first.
type Stats struct {
	Syncs    uint64 // of files, those after synchronous writes included; also failed ones
	DirSyncs uint64 // of directories; also failed ones
	Writes   uint64
	Bytes    uint64 // written
	Used     int64  // bytes of the disk that are taken now
	Inodes   int    // that have a name or a user now
}

// FS is a mounted disk.
type FS struct {
	mountpoint string
	opt        Options

	mu     sync.Mutex // guards server, and keeps requests apart
	server *server    // nil: not mounted
	broken error      // why the server answers no more
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
	s, err := startServer()
	if err != nil {
		return nil, fmt.Errorf("mount a faulty disk on %s: %w", mountpoint, err)
	}
	f := &FS{mountpoint: mountpoint, opt: opt, server: s}
	if _, err := f.ask(request{Do: doMount, Mountpoint: mountpoint, Options: opt}); err != nil {
		return nil, errors.Join(err, s.end())
	}
	return f, nil
}

// Dir is where the disk is mounted.
func (f *FS) Dir() string { return f.mountpoint }

// Fail sets what is wrong with the disk from now on.
func (f *FS) Fail(faults Faults) { f.tell(request{Do: doFail, Faults: faults}) }

// Free sets how many more bytes the disk takes from now on; negative: any.
func (f *FS) Free(bytes int64) { f.tell(request{Do: doFree, Bytes: bytes}) }

// Stats counts what has reached the disk.
func (f *FS) Stats() Stats { return f.tell(request{Do: doStats}) }

// PowerCut cuts the power: from now on nothing reaches the disk. While kill
// runs, changes and syncs wait, so that no process gets to see a disk that
// fails before it is dead. kill sends SIGKILL to every process that uses the
// disk, and does not wait for their ends. After it, changes fail with EIO.
func (f *FS) PowerCut(kill func()) {
	f.tell(request{Do: doCut})
	if kill != nil {
		kill()
	}
	f.tell(request{Do: doOff})
}

// PowerOn mounts what the disk has kept. Every process that used the disk must
// be gone. Faults stay as they are set.
func (f *FS) PowerOn() error {
	_, err := f.ask(request{Do: doOn})
	return err
}

// Unmount takes the disk away with all that is on it, and says if it had
// failed before.
func (f *FS) Unmount() error {
	_, err := f.ask(request{Do: doUnmount})
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.server == nil {
		return f.broken
	}
	s := f.server
	f.server = nil
	return errors.Join(f.broken, err, s.end())
}

// tell is for what cannot fail while there is a server. That there is none any
// more, PowerOn and Unmount say.
func (f *FS) tell(r request) Stats {
	stats, _ := f.ask(r)
	return stats
}

func (f *FS) ask(r request) (Stats, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil || f.server == nil {
		return Stats{}, f.broken
	}
	a, err := f.server.ask(r)
	if err != nil {
		f.broken = fmt.Errorf("the server of the faulty disk on %s: %w", f.mountpoint, err)
		return Stats{}, f.broken
	}
	if a.Error != "" {
		return a.Stats, errors.New(a.Error)
	}
	return a.Stats, nil
}
