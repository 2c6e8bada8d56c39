package faultfs

import (
	"maps"
	"math/rand/v2"
)

// names is a directory, and what the disk has of it.
type names struct {
	live, disk map[string]*inode
}

func newNames() *names { return &names{live: map[string]*inode{}, disk: map[string]*inode{}} }

// slot is one name in one directory. The zero slot is in every rename of a
// directory: these reach the disk in their order, or two of them could put a
// directory into itself.
type slot struct {
	dir  *inode
	name string
}

// change is what happens to names at one stroke: a rename has two slots, and
// is never seen half.
type change map[slot]*inode // nil: the name goes

func (c change) touches(dir *inode) bool {
	for s := range c {
		if s.dir == dir {
			return true
		}
	}
	return false
}

func (c change) meets(slots map[slot]bool) bool {
	for s := range c {
		if slots[s] {
			return true
		}
	}
	return false
}

func (c change) mark(slots map[slot]bool) {
	for s := range c {
		slots[s] = true
	}
}

func (c change) store() {
	for s, to := range c {
		if s.dir != nil {
			bind(s.dir.names.disk, s.name, to)
		}
	}
}

func bind(names map[string]*inode, name string, to *inode) {
	if to == nil {
		delete(names, name)
	} else {
		names[name] = to
	}
}

// backlog are the changes that the disk does not have, oldest first.
//
// What has happened to one name reaches the disk in its order. Were that not
// so, a file that was created, renamed and renamed again could have two names.
type backlog struct{ changes []change }

// backlogLimit is when the disk takes the older half by itself, as every
// kernel does after some seconds.
const backlogLimit = 8192

func (b *backlog) add(c change) {
	for s, to := range c {
		if s.dir != nil {
			bind(s.dir.names.live, s.name, to)
		}
	}
	b.changes = append(b.changes, c)
	if len(b.changes) > backlogLimit {
		b.store(backlogLimit / 2)
	}
}

// store brings the oldest n to the disk.
func (b *backlog) store(n int) {
	for _, c := range b.changes[:n] {
		c.store()
	}
	b.changes = append([]change(nil), b.changes[n:]...)
}

// storeDir brings the changes of one directory to the disk, with what came
// before them in their other slots.
func (b *backlog) storeDir(dir *inode) {
	slots := map[slot]bool{}
	due := make([]bool, len(b.changes))
	for i := len(b.changes) - 1; i >= 0; i-- {
		if c := b.changes[i]; c.touches(dir) || c.meets(slots) {
			due[i] = true
			c.mark(slots)
		}
	}
	var rest []change
	for i, c := range b.changes {
		if due[i] {
			c.store()
		} else {
			rest = append(rest, c)
		}
	}
	b.changes = rest
}

// cut brings to the disk what a power cut leaves, and forgets the rest.
func (b *backlog) cut(rnd *rand.Rand, order Order) {
	if order == Ordered {
		b.store(rnd.IntN(len(b.changes) + 1))
		b.changes = nil
		return
	}
	percent := []int{0, 50, 90, 100}[rnd.IntN(4)]
	gone := map[slot]bool{}
	for _, c := range b.changes {
		if c.meets(gone) || rnd.IntN(100) >= percent {
			c.mark(gone)
		} else {
			c.store()
		}
	}
	b.changes = nil
}

// reload makes the directory what the disk has of it.
func (n *names) reload() { n.live = maps.Clone(n.disk) }
