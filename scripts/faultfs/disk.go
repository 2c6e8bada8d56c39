package faultfs

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// power is whether anything can reach the disk.
type power int

const (
	powerOn  power = iota
	powerCut       // the processes are being killed: changes wait
	powerOff
)

// disk is what there is behind the mount.
type disk struct {
	opt Options

	mu      sync.Mutex // guards all below
	rnd     *rand.Rand
	faults  Faults
	power   power
	dead    chan struct{} // closed with powerOff
	changed chan struct{} // closed when other faults are set
	nodes   map[uint64]*inode
	lastID  uint64
	backlog backlog
	stats   Stats
	limit   int64  // of stats.Used; negative: none
	nth     uint64 // counts down to the sync that faults.FailNth means
}

func newDisk(opt Options) *disk {
	d := &disk{
		opt: opt, rnd: rand.New(rand.NewPCG(opt.Seed, 1)), limit: -1,
		dead: make(chan struct{}), changed: make(chan struct{}), nodes: map[uint64]*inode{}, lastID: fuse.FUSE_ROOT_ID,
	}
	d.nodes[fuse.FUSE_ROOT_ID] = newInode(fuse.FUSE_ROOT_ID, meta{mode: syscall.S_IFDIR | 0o755}, time.Now())
	return d
}

func (d *disk) fail(faults Faults) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults, d.nth = faults, faults.FailNth
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *disk) free(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit = -1
	if bytes >= 0 {
		d.limit = d.stats.Used + bytes
	}
}

func (d *disk) counted() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Inodes = len(d.nodes)
	return s
}

// room takes a page of the disk, if there is one.
func (d *disk) room() bool {
	if d.faults.Full || d.limit >= 0 && d.stats.Used+pageSize > d.limit {
		return false
	}
	d.stats.Used += pageSize
	return true
}

// change takes the lock for a change, which may have to wait for a power cut
// to be over. The caller unlocks, whatever comes back.
func (d *disk) change() syscall.Errno {
	d.mu.Lock()
	for d.power == powerCut {
		dead := d.dead
		d.mu.Unlock()
		<-dead
		d.mu.Lock()
	}
	switch {
	case d.power == powerOff:
		return syscall.EIO
	case d.faults.ReadOnly:
		return syscall.EROFS
	}
	return 0
}

// sync carries out a sync: it waits as long as the disk takes, then calls store
// under the lock, or failed if the disk refuses.
func (d *disk) sync(count *uint64, store, failed func()) syscall.Errno {
	d.mu.Lock()
	*count++
	slow, dead, changed := d.faults.SlowSync, d.dead, d.changed
	d.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-changed:
		case <-dead:
		}
	}
	errno := d.change()
	defer d.mu.Unlock()
	if errno == 0 && d.refuses(count == &d.stats.DirSyncs) {
		failed()
		errno = syscall.EIO
	}
	if errno != 0 {
		return errno
	}
	store()
	if d.opt.Order == Ordered {
		d.backlog.store(len(d.backlog.changes))
	}
	return 0
}

// refuses says whether this sync fails. The caller holds mu.
func (d *disk) refuses(dir bool) bool {
	last := d.nth == 1
	d.nth -= min(d.nth, 1)
	return last || d.faults.FailSync || dir && d.faults.FailDirSync
}

// cut makes changes and syncs wait for off.
func (d *disk) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.power == powerOn {
		d.power = powerCut
	}
}

// off lets what waited fail.
func (d *disk) off() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.power == powerCut {
		d.power = powerOff
		close(d.dead)
	}
}

// restart makes the disk what a power cut has left of it.
func (d *disk) restart() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.backlog.cut(d.rnd, d.opt.Order)
	left := map[uint64]*inode{}
	d.nodes[fuse.FUSE_ROOT_ID].onDisk(left)
	for _, id := range slices.Sorted(maps.Keys(left)) { // in order, for one seed to mean one thing
		left[id].reload(d.rnd, d.opt.Order == Strict)
	}
	d.nodes = map[uint64]*inode{}
	d.stats.Used = 0
	d.reach(left[fuse.FUSE_ROOT_ID])
	d.power, d.dead = powerOn, make(chan struct{})
}

// reach counts the inode, and what it leads to, as being there.
func (d *disk) reach(i *inode) {
	i.links++
	if i.links > 1 {
		return
	}
	d.nodes[i.id] = i
	if i.file != nil {
		d.stats.Used += int64(len(i.file.pages)) * pageSize
	}
	if i.names != nil {
		for _, sub := range i.names.live {
			d.reach(sub)
		}
	}
}

// drop forgets an inode that has neither a name nor a user.
func (d *disk) drop(i *inode) {
	if i.links > 0 || i.lookups > 0 {
		return
	}
	if d.nodes[i.id] == i {
		delete(d.nodes, i.id)
		if i.file != nil {
			d.stats.Used -= int64(len(i.file.pages)) * pageSize
		}
	}
}
