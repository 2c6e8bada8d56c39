package faultfs

import (
	"maps"
	"math"
	"slices"
)

const pageSize = 4096

// page is shared between what a file says and what the disk has of it, until it
// is written to: so a sync copies nothing.
type page [pageSize]byte

// content is a file's bytes. Pages that are not there are holes.
type content struct {
	size  int64
	pages map[int64]*page
}

func newContent() content { return content{pages: map[int64]*page{}} }

func (c content) clone() content { return content{size: c.size, pages: maps.Clone(c.pages)} }

func (c content) read(buf []byte, off int64) int {
	n := 0
	buf = buf[:max(0, min(int64(len(buf)), c.size-off))]
	for len(buf) > 0 {
		at := off % pageSize
		part := buf[:min(int64(len(buf)), pageSize-at)]
		if p := c.pages[off/pageSize]; p != nil {
			copy(part, p[at:])
		} else {
			clear(part)
		}
		buf, off, n = buf[len(part):], off+int64(len(part)), n+len(part)
	}
	return n
}

// trim makes what is past the end of the file zero, as the kernel expects it.
func (c content) trim() {
	last := c.size / pageSize
	for n, p := range c.pages {
		switch {
		case n > last || n == last && c.size%pageSize == 0:
			delete(c.pages, n)
		case n == last:
			trimmed := *p
			clear(trimmed[c.size%pageSize:])
			c.pages[n] = &trimmed
		}
	}
}

// file is a content, and what the disk has of it.
type file struct {
	content
	disk content
	// dirty are the pages that the next sync brings to the disk; lost are those
	// that a failed sync has taken for written.
	dirty, lost map[int64]bool
}

func newFile() *file {
	return &file{content: newContent(), disk: newContent(), dirty: map[int64]bool{}, lost: map[int64]bool{}}
}

func (f *file) touch(n int64) {
	f.dirty[n] = true
	delete(f.lost, n)
}

// own gives a page that may be written to. room is asked before a hole is
// filled; nil: there is none.
func (f *file) own(n int64, room func() bool) *page {
	p := f.pages[n]
	switch {
	case p == nil:
		if !room() {
			return nil
		}
		p = new(page)
		f.pages[n] = p
	case p == f.disk.pages[n]:
		own := *p
		p = &own
		f.pages[n] = p
	}
	f.touch(n)
	return p
}

// write gives how much of data there was room for.
func (f *file) write(data []byte, off int64, room func() bool) int {
	n := 0
	for n < len(data) {
		p := f.own(off/pageSize, room)
		if p == nil {
			break
		}
		part := copy(p[off%pageSize:], data[n:])
		n, off = n+part, off+int64(part)
	}
	if n > 0 {
		f.size = max(f.size, off)
	}
	return n
}

// allocate fills the holes of a range.
func (f *file) allocate(off, length int64, room func() bool) bool {
	for n := off / pageSize; n*pageSize < off+length; n++ {
		if f.pages[n] == nil && f.own(n, room) == nil {
			return false
		}
	}
	return true
}

// punch makes a range zero, and gives how many pages that has freed.
func (f *file) punch(off, length int64) int64 {
	var freed int64
	for n := range f.pages {
		from, to := max(off, n*pageSize), min(off+length, (n+1)*pageSize)
		switch {
		case from >= to:
		case to-from == pageSize:
			delete(f.pages, n)
			f.touch(n)
			freed++
		default:
			clear(f.own(n, nil)[from-n*pageSize : to-n*pageSize])
		}
	}
	return freed
}

// resize gives how many pages that has freed.
func (f *file) resize(size int64) int64 {
	var freed int64
	if size < f.size {
		freed = f.punch(size, math.MaxInt64-size)
	}
	f.size = size
	return freed
}

// sync brings everything to the disk.
func (f *file) sync() {
	for n := range f.dirty {
		f.store(n)
	}
	f.disk.size = f.size
	for n := range f.lost {
		if n*pageSize >= f.size {
			f.store(n)
		}
	}
}

func (f *file) store(n int64) {
	if p := f.pages[n]; p != nil {
		f.disk.pages[n] = p
	} else {
		delete(f.disk.pages, n)
	}
	delete(f.dirty, n)
	delete(f.lost, n)
}

// forget is a sync that failed.
func (f *file) forget() {
	maps.Copy(f.lost, f.dirty)
	clear(f.dirty)
}

// unsynced are the pages of which the disk may have anything.
func (f *file) unsynced() []int64 {
	all := maps.Clone(f.dirty)
	maps.Copy(all, f.lost)
	return slices.Sorted(maps.Keys(all))
}
