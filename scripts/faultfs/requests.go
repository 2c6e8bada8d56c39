package faultfs

import (
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// requests answers the kernel. Locks of files are not its business: the kernel
// keeps them itself as long as it is not told otherwise. Neither are the
// contents of FIFOs and sockets.
type requests struct {
	fuse.RawFileSystem // ENOSYS for what is not here: the kernel then does it itself, or tells the caller
	disk               *disk

	mu         sync.Mutex
	lastHandle uint64
	listings   map[uint64][]fuse.DirEntry // of open directories, so that one that is emptied while it is read is read to its end
}

func newRequests(d *disk) *requests {
	return &requests{
		RawFileSystem: fuse.NewDefaultRawFileSystem(), disk: d, listings: map[uint64][]fuse.DirEntry{},
	}
}

// cached is how long the kernel may believe what it is told: as long as it is
// mounted, since nothing changes but through it.
const cached = time.Hour

func (r *requests) String() string { return "faultfs" }

// node is the inode that the kernel means; it knows no others than it was told of.
func (r *requests) node(id uint64) *inode { return r.disk.nodes[id] }

// entry tells the kernel of an inode.
func entry(i *inode, out *fuse.EntryOut) fuse.Status {
	i.lookups++
	out.NodeId, out.Generation = i.id, 1
	out.SetEntryTimeout(cached)
	out.SetAttrTimeout(cached)
	i.attr(&out.Attr)
	return fuse.OK
}

func (r *requests) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	i := r.node(h.NodeId).names.live[name]
	if i == nil {
		return fuse.ENOENT
	}
	return entry(i, out)
}

func (r *requests) Forget(id, lookups uint64) {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	if i := r.node(id); i != nil && id != fuse.FUSE_ROOT_ID {
		i.lookups -= min(lookups, i.lookups)
		r.disk.drop(i)
	}
}

func (r *requests) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	return attributes(r.node(in.NodeId), out)
}

func attributes(i *inode, out *fuse.AttrOut) fuse.Status {
	out.SetTimeout(cached)
	i.attr(&out.Attr)
	return fuse.OK
}

func (r *requests) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	errno := r.disk.change()
	defer r.disk.mu.Unlock()
	if errno != 0 {
		return fuse.Status(errno)
	}
	i := r.node(in.NodeId)
	now := time.Now()
	if size, ok := in.GetSize(); ok {
		if r.disk.faults.Full && int64(size) > i.file.size {
			return fuse.Status(syscall.ENOSPC)
		}
		r.disk.stats.Used -= i.file.resize(int64(size)) * pageSize
		i.mtime = now
	}
	if mode, ok := in.GetMode(); ok {
		i.mode = i.mode&syscall.S_IFMT | mode&0o7777
	}
	if uid, ok := in.GetUID(); ok {
		i.uid = uid
	}
	if gid, ok := in.GetGID(); ok {
		i.gid = gid
	}
	if at, ok := in.GetATime(); ok {
		i.atime = at
	}
	if at, ok := in.GetMTime(); ok {
		i.mtime = at
	}
	i.ctime = now
	return attributes(i, out)
}

func (r *requests) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	return []byte(r.node(h.NodeId).target), fuse.OK
}

func (r *requests) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	const blocks, files = 1 << 24, 1 << 24 // 64 GiB when there is no limit
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	used := uint64(r.disk.stats.Used / pageSize)
	out.Bsize, out.Frsize, out.NameLen = pageSize, pageSize, 255
	out.Files, out.Ffree = files, files-uint64(len(r.disk.nodes))
	out.Blocks = used + blocks
	if r.disk.limit >= 0 {
		out.Blocks = uint64(max(r.disk.limit, r.disk.stats.Used) / pageSize)
	}
	if !r.disk.faults.Full {
		out.Bfree = out.Blocks - used
	}
	out.Bavail = out.Bfree
	return fuse.OK
}
