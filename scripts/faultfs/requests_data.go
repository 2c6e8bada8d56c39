package faultfs

import (
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// opening is how files are opened: the kernel keeps their pages, and asks for no
// flush when one is closed. A test that dies by a timeout would wait for its own
// answer to that.
const opening = fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_NOFLUSH

func (r *requests) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	out.OpenFlags = opening
	if in.Flags&syscall.O_ACCMODE == syscall.O_RDONLY {
		return fuse.OK
	}
	errno := r.disk.change()
	defer r.disk.mu.Unlock()
	return fuse.Status(errno)
}

func (r *requests) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	n := r.node(in.NodeId).file.read(buf, int64(in.Offset))
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Writev is what a WRITE arrives as; its data may be in pieces. After a
// synchronous write the kernel asks for a sync by itself.
func (r *requests) Writev(_ <-chan struct{}, in *fuse.WriteIn, data [][]byte) (uint32, fuse.Status) {
	errno := r.disk.change()
	defer r.disk.mu.Unlock()
	if errno != 0 {
		return 0, fuse.Status(errno)
	}
	i := r.node(in.NodeId)
	off := int64(in.Offset)
	for _, part := range data {
		n := i.file.write(part, off, r.disk.room)
		off += int64(n)
		if n < len(part) {
			break
		}
	}
	n := off - int64(in.Offset)
	if n == 0 && in.Size > 0 {
		return 0, fuse.Status(syscall.ENOSPC)
	}
	r.disk.stats.Writes++
	r.disk.stats.Bytes += uint64(n)
	i.mtime = time.Now()
	i.ctime = i.mtime
	return uint32(n), fuse.OK
}

func (r *requests) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return fuse.Status(r.disk.sync(&r.disk.stats.Syncs, func() {
		r.node(in.NodeId).sync()
	}, func() {
		r.node(in.NodeId).file.forget()
	}))
}

// Fallocate does what is asked of file systems in practice: take room, give it
// back.
func (r *requests) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	errno := r.disk.change()
	defer r.disk.mu.Unlock()
	if errno != 0 {
		return fuse.Status(errno)
	}
	i := r.node(in.NodeId)
	off, length := int64(in.Offset), int64(in.Length)
	switch in.Mode {
	case unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE:
		r.disk.stats.Used -= i.file.punch(off, length) * pageSize
	case 0, unix.FALLOC_FL_KEEP_SIZE:
		if !i.file.allocate(off, length, r.disk.room) {
			return fuse.Status(syscall.ENOSPC)
		}
		if in.Mode == 0 {
			i.file.size = max(i.file.size, off+length)
		}
	default:
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	i.mtime = time.Now()
	i.ctime = i.mtime
	return fuse.OK
}
