package faultfs

import (
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// meta is what of an inode can be set and is synced with it.
type meta struct{ mode, uid, gid uint32 }

// inode is a file of any kind.
type inode struct {
	id uint64
	meta
	disk                meta
	atime, mtime, ctime time.Time
	rdev                uint32
	target              string // of a symbolic link
	file                *file  // of a regular file
	names               *names // of a directory
	links               uint32 // names it has
	lookups             uint64 // by which the kernel knows it
}

func newInode(id uint64, m meta, now time.Time) *inode {
	i := &inode{id: id, meta: m, disk: m, atime: now, mtime: now, ctime: now}
	switch m.mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		i.file = newFile()
	case syscall.S_IFDIR:
		i.names = newNames()
	}
	return i
}

// sync brings all but names to the disk.
func (i *inode) sync() {
	i.disk = i.meta
	if i.file != nil {
		i.file.sync()
	}
}

// onDisk adds the inode, and what its names on the disk lead to: also what no
// name led to any more when the power was cut, because the removal is lost.
func (i *inode) onDisk(to map[uint64]*inode) {
	if to[i.id] != nil {
		return
	}
	to[i.id] = i
	if i.names != nil {
		for _, sub := range i.names.disk {
			sub.onDisk(to)
		}
	}
}

// reload makes the inode what a power cut leaves of it, with no names yet.
func (i *inode) reload(rnd *rand.Rand, garbage bool) {
	if rnd.IntN(2) == 0 {
		i.meta = i.disk
	}
	i.disk = i.meta
	i.links, i.lookups = 0, 0
	if i.file != nil {
		left := i.file.leftover(rnd, garbage)
		i.file = newFile()
		i.file.content, i.file.disk = left, left.clone()
	}
	if i.names != nil {
		i.names.reload()
	}
}

func (i *inode) attr(out *fuse.Attr) {
	*out = fuse.Attr{
		Ino: i.id, Mode: i.mode, Owner: fuse.Owner{Uid: i.uid, Gid: i.gid}, Rdev: i.rdev, Nlink: i.links, Blksize: pageSize,
	}
	out.SetTimes(&i.atime, &i.mtime, &i.ctime)
	switch {
	case i.file != nil:
		out.Size = uint64(i.file.size)
		out.Blocks = uint64(len(i.file.pages)) * pageSize / 512
	case i.names != nil:
		out.Size, out.Nlink = pageSize, 2
		for _, sub := range i.names.live {
			if sub.names != nil {
				out.Nlink++
			}
		}
	default:
		out.Size = uint64(len(i.target))
	}
}
