package jobproc

import (
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// made are the directories that a restore has made on the way to its destination,
// itself included, from the topmost on.
type made []madeDir

type madeDir struct {
	path     string
	dev, ino uint64
}

// note adds the directory that is open as fd.
func (m *made) note(fd int, path string) {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil {
		*m = append(*m, madeDir{path, st.Dev, st.Ino})
	}
}

// remove takes those back that nothing has come into. What is in a directory
// stays, and so does what others have put into its place.
func (m *made) remove() {
	for _, d := range slices.Backward(*m) {
		if !d.remove() {
			break
		}
	}
	*m = nil
}

func (d madeDir) remove() bool {
	parent, err := unix.Openat2(unix.AT_FDCWD, filepath.Dir(d.path), &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return false
	}
	defer unix.Close(parent)
	var st unix.Stat_t
	name := filepath.Base(d.path)
	err = unix.Fstatat(parent, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && st.Dev == d.dev && st.Ino == d.ino && unix.Unlinkat(parent, name, unix.AT_REMOVEDIR) == nil
}
