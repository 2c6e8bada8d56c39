package confine

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// errMoved: what is at the path is not what was opened there.
var errMoved = errors.New("another directory is in its place now")

// readOnly gives the calling thread a mount namespace of its own, in which only
// the bounds can be changed. It returns Into as it is there.
func (b Bounds) readOnly() (into *os.File, err error) {
	fail := func(what string, err error) (*os.File, error) {
		return nil, fmt.Errorf("make the rest of the host read-only: %s: %w", what, err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fail("unshare", err)
	}
	// Nothing goes out to the host. What the host unmounts goes here too: else a
	// disk that a person unmounts and takes away would still be in use. So does
	// what it mounts, which is not read-only then.
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fail("separate the mounts", err)
	}
	open := make([]opening, 0, 1+len(b.Also))
	defer func() {
		for _, o := range open {
			o.close()
		}
	}()
	for i, path := range append([]string{b.Path}, b.Also...) {
		o, err := b.open(path, i == 0)
		if err != nil {
			return fail(path, err)
		}
		open = append(open, o)
	}
	ro := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &ro); err != nil {
		return fail("set it", err)
	}
	for _, o := range open {
		if err := o.attach(); err != nil {
			return fail("leave out what may be changed", err)
		}
	}
	for _, path := range b.Keep {
		if err := keep(path); err != nil {
			return fail("keep "+path, err)
		}
	}
	into = os.NewFile(uintptr(open[0].tree), b.Path)
	open[0].tree = -1
	return into, nil
}

// opening is a directory that stays writable: a mount of its own, made before
// all else becomes read-only.
type opening struct{ place, tree int }

func (b Bounds) open(path string, into bool) (opening, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC}
	if into {
		how.Resolve = unix.RESOLVE_NO_SYMLINKS
	}
	place, err := unix.Openat2(unix.AT_FDCWD, path, &how)
	if err != nil {
		return opening{}, err
	}
	// Into was opened in the host's namespace, which cannot be mounted from.
	if into && !same(place, int(b.Into.Fd())) {
		unix.Close(place)
		return opening{}, errMoved
	}
	tree, err := unix.OpenTree(place, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		unix.Close(place)
		return opening{}, err
	}
	return opening{place, tree}, nil
}

// keep makes a file or directory read-only where all around it is not.
func keep(path string) error {
	tree, err := unix.OpenTree(unix.AT_FDCWD, path, unix.AT_RECURSIVE|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	ro := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &ro); err != nil {
		return err
	}
	return unix.MoveMount(tree, "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

func (o opening) attach() error {
	return unix.MoveMount(o.tree, "", o.place, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

func (o opening) close() {
	unix.Close(o.place)
	if o.tree >= 0 {
		unix.Close(o.tree)
	}
}

func same(a, b int) bool {
	var x, y unix.Stat_t
	return unix.Fstat(a, &x) == nil && unix.Fstat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}
