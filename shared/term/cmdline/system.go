package cmdline

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
)

// ofSystem is what to do about an error of the operating system that nobody has
// said anything about: it is the last thing that the text has.
func ofSystem(err error) string {
	cause, ok := errors.AsType[syscall.Errno](err)
	if !ok || !strings.HasSuffix(err.Error(), cause.Error()) {
		return ""
	}
	switch {
	case errors.Is(cause, fs.ErrPermission):
		return "run it as an account that may, with sudo for instance"
	case errors.Is(cause, fs.ErrNotExist):
		return "see whether the path is right, and its disk is mounted"
	case cause == syscall.ENOSPC, cause == syscall.EDQUOT:
		return "make room on that disk, then do it again"
	case cause == syscall.EROFS:
		return "that disk can only be read: name another place, or mount it writable"
	case cause == syscall.ENOTDIR, cause == syscall.EISDIR:
		return "see whether the path is right: what is there is of another kind"
	case cause == syscall.EMFILE, cause == syscall.ENFILE:
		return "allow it more open files (ulimit -n)"
	}
	return ""
}
