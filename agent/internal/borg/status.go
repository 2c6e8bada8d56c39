package borg

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// status is the part of lstat that the scan needs.
type status struct {
	id    inode
	mode  uint16
	nlink uint32
	size  int64
}

// lstat takes a name that ends with a NUL, as directories hold it. The
// wrapper in x/sys would copy it twice, which costs an eighth of the scan, and
// two allocations a file. DONT_SYNC lets network file systems answer
// from what they know.
func (s *scanner) lstat(at int, name []byte) (status, error) {
	const (
		flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_STATX_DONT_SYNC | unix.AT_NO_AUTOMOUNT
		mask  = unix.STATX_TYPE | unix.STATX_NLINK | unix.STATX_INO | unix.STATX_SIZE
	)
	for {
		_, _, errno := unix.Syscall6(unix.SYS_STATX, uintptr(at), uintptr(unsafe.Pointer(&name[0])), flags, mask, uintptr(unsafe.Pointer(&s.statx)), 0)
		switch {
		case errors.Is(errno, unix.EINTR):
			continue
		case errno != 0:
			return status{}, errno
		}
		return status{
			id:    inode{unix.Mkdev(s.statx.Dev_major, s.statx.Dev_minor), s.statx.Ino},
			mode:  s.statx.Mode,
			nlink: s.statx.Nlink,
			size:  int64(s.statx.Size),
		}, nil
	}
}
