package faultfs

import (
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// create makes a name for a new inode.
func (r *requests) create(h *fuse.InHeader, name string, mode uint32, set func(*inode), out *fuse.EntryOut) fuse.Status {
	errno := r.disk.change()
	defer r.disk.mu.Unlock()
	switch {
	case errno != 0:
		return fuse.Status(errno)
	case r.disk.faults.Full:
		return fuse.Status(syscall.ENOSPC)
	}
	dir := r.node(h.NodeId)
	if dir.names.live[name] != nil {
		return fuse.Status(syscall.EEXIST)
	}
	now := time.Now()
	r.disk.lastID++
	i := newInode(r.disk.lastID, meta{mode: mode, uid: h.Uid, gid: h.Gid}, now)
	set(i)
	i.links = 1
	r.disk.nodes[i.id] = i
	r.name(now, change{{dir, name}: i})
	return entry(i, out)
}

// name changes names.
func (r *requests) name(now time.Time, c change) {
	for s := range c {
		if s.dir != nil {
			s.dir.mtime, s.dir.ctime = now, now
		}
	}
	r.disk.backlog.add(c)
}

func (r *requests) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	return r.create(&in.InHeader, name, in.Mode, func(i *inode) { i.rdev = in.Rdev }, out)
}

func (r *requests) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return r.create(&in.InHeader, name, syscall.S_IFDIR|in.Mode&0o7777, func(*inode) {}, out)
}

func (r *requests) Symlink(_ <-chan struct{}, h *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	return r.create(h, name, syscall.S_IFLNK|0o777, func(i *inode) { i.target = target }, out)
}

func (r *requests) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	out.OpenFlags = opening
	return r.create(&in.InHeader, name, syscall.S_IFREG|in.Mode&0o7777, func(*inode) {}, &out.EntryOut)
}

func (r *requests) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	errno := r.disk.change()
	defer r.disk.mu.Unlock()
	switch {
	case errno != 0:
		return fuse.Status(errno)
	case r.disk.faults.Full:
		return fuse.Status(syscall.ENOSPC)
	}
	dir, i, now := r.node(in.NodeId), r.node(in.Oldnodeid), time.Now()
	if dir.names.live[name] != nil {
		return fuse.Status(syscall.EEXIST)
	}
	i.links++
	i.ctime = now
	r.name(now, change{{dir, name}: i})
	return entry(i, out)
}

func (r *requests) Unlink(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return r.remove(h, name)
}

func (r *requests) Rmdir(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return r.remove(h, name)
}

func (r *requests) remove(h *fuse.InHeader, name string) fuse.Status {
	errno := r.disk.change()
	defer r.disk.mu.Unlock()
	if errno != 0 {
		return fuse.Status(errno)
	}
	dir, now := r.node(h.NodeId), time.Now()
	i := dir.names.live[name]
	switch {
	case i == nil:
		return fuse.ENOENT
	case i.names != nil && len(i.names.live) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	r.name(now, change{{dir, name}: nil})
	r.unlinked(i, now)
	return fuse.OK
}

// unlinked takes a name's count from an inode.
func (r *requests) unlinked(i *inode, now time.Time) {
	i.links--
	i.ctime = now
	r.disk.drop(i)
}

func (r *requests) Rename(_ <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	errno := r.disk.change()
	defer r.disk.mu.Unlock()
	if errno != 0 {
		return fuse.Status(errno)
	}
	from, to := slot{r.node(in.NodeId), oldName}, slot{r.node(in.Newdir), newName}
	i, over := from.dir.names.live[oldName], to.dir.names.live[newName]
	swap := in.Flags&unix.RENAME_EXCHANGE != 0
	switch {
	case i == nil || swap && over == nil:
		return fuse.ENOENT
	case in.Flags&^(unix.RENAME_EXCHANGE|unix.RENAME_NOREPLACE) != 0:
		return fuse.Status(syscall.EINVAL)
	case over != nil && in.Flags&unix.RENAME_NOREPLACE != 0:
		return fuse.Status(syscall.EEXIST)
	case i == over:
		return fuse.OK
	case !swap && over != nil && over.names != nil && len(over.names.live) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	now := time.Now()
	c := change{from: nil, to: i}
	if swap {
		c[from] = over
	}
	if i.names != nil || swap && over.names != nil {
		c[slot{}] = nil
	}
	r.name(now, c)
	i.ctime = now
	if over != nil && !swap {
		r.unlinked(over, now)
	}
	return fuse.OK
}

func (r *requests) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastHandle++
	out.Fh = r.lastHandle
	return fuse.OK
}

func (r *requests) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if in.Offset == 0 {
		r.listings[in.Fh] = r.list(in.NodeId)
	}
	list := r.listings[in.Fh]
	for n := in.Offset; n < uint64(len(list)); n++ {
		e := list[n]
		e.Off = n + 1
		if !out.AddDirEntry(e) {
			break
		}
	}
	return fuse.OK
}

func (r *requests) list(id uint64) []fuse.DirEntry {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	dir := r.node(id)
	list := []fuse.DirEntry{{Name: ".", Ino: id, Mode: syscall.S_IFDIR}, {Name: "..", Mode: syscall.S_IFDIR}}
	for name, i := range dir.names.live {
		list = append(list, fuse.DirEntry{Name: name, Ino: i.id, Mode: i.mode})
	}
	return list
}

func (r *requests) ReleaseDir(in *fuse.ReleaseIn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.listings, in.Fh)
}

func (r *requests) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return fuse.Status(r.disk.sync(&r.disk.stats.DirSyncs, func() {
		dir := r.node(in.NodeId)
		dir.sync()
		r.disk.backlog.storeDir(dir)
	}, func() {}))
}
