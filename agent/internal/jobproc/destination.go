package jobproc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/confine"
	"borgfleet/shared/job"
)

// destination is an open directory that a restore goes into. It is open from
// the check to the end, so borg begins in this one, whatever is put at its path.
type destination struct {
	dir   *os.File
	path  string // as it was when it was opened, for people and for measuring
	loose string // the first directory on the way that others can change; empty: none
	level confine.Level
	lent  borg.Host // what borg runs with
}

// openDestination opens the place of a restore, makes it if it is missing, and
// makes sure that it can be written and has nothing in it. m is told what was made,
// also if that fails.
func (p *process) openDestination(lent borg.Host, m *made) (*destination, error) {
	root, below, err := p.policy.Destination(p.spec)
	if err != nil {
		return nil, err
	}
	d := &destination{path: filepath.Join(root, below), lent: lent}
	fd, err := openBelow(root, below, d.note, m.note)
	if errors.Is(err, fs.ErrNotExist) {
		// Not made: it may be a disk that is not mounted.
		return nil, failf(job.CodeDestination, "the destination %s cannot be used: the directory %s, which agent.yaml allows, is not there: make it, or mount its disk", p.spec.Restore.Destination, root)
	}
	if err != nil {
		return nil, failf(job.CodeDestination, "the destination %s cannot be used: %v", p.spec.Restore.Destination, err)
	}
	d.dir = os.NewFile(uintptr(fd), "destination")
	err = d.usable(p.spec.Restore.Destination)
	if err == nil {
		err = p.confine(d)
	}
	if err != nil {
		d.dir.Close()
		return nil, err
	}
	return d, nil
}

// reopenDestination is for a look at what a restore left behind. Nothing is
// made, and nothing goes there any more, so symlinks may lead where they do.
func (p *process) reopenDestination() (*destination, error) {
	path, err := filepath.EvalSymlinks(p.spec.Restore.Destination)
	if err != nil {
		return nil, err
	}
	fd, err := openDir(unix.AT_FDCWD, path)
	if err != nil {
		return nil, err
	}
	return &destination{dir: os.NewFile(uintptr(fd), "destination"), path: path}, nil
}

// openBelow follows no symlink: there is none in either path but what was put
// there since the policy looked. What is missing below root is made; root is
// the owner's to make, and if it is missing a disk may not be mounted.
// found is told of each directory from root on, and made of those that were.
func openBelow(root, below string, found, made func(fd int, path string)) (int, error) {
	fd, err := openDir(unix.AT_FDCWD, "/")
	if err != nil {
		return -1, err
	}
	at := "/"
	walk := func(path string, each func(isNew bool), missing func(at int, name string) (bool, error)) error {
		for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
			if name == "" {
				continue
			}
			isNew, err := missing(fd, name)
			if err != nil {
				return fmt.Errorf("make %s: %w", name, err)
			}
			next, err := openDir(fd, name)
			if err != nil {
				return fmt.Errorf("open %s: %w", name, err)
			}
			unix.Close(fd)
			fd, at = next, filepath.Join(at, name)
			each(isNew)
		}
		return nil
	}
	err = walk(root, func(bool) {}, func(int, string) (bool, error) { return false, nil })
	if err == nil {
		found(fd, at)
		err = walk(below, func(isNew bool) {
			if isNew {
				made(fd, at)
			}
			found(fd, at)
		}, makeDir)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func openDir(at int, name string) (int, error) {
	return unix.Openat(at, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

func makeDir(at int, name string) (isNew bool, err error) {
	err = unix.Mkdirat(at, name, 0o700)
	if errors.Is(err, unix.EEXIST) {
		return false, nil
	}
	return err == nil, err
}

func (d *destination) usable(asked string) error {
	fd := int(d.dir.Fd())
	if err := unix.Faccessat(fd, ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return failf(job.CodeDestination, "the destination %s cannot be written: %v", asked, err)
	}
	empty, err := d.empty()
	switch {
	case err != nil:
		return failf(job.CodeDestination, "the destination %s cannot be read: %v", asked, err)
	case !empty:
		return failf(job.CodeNotEmpty, "the destination %s is not empty, and borg would replace what is in its way: name a new directory, such as %s", asked, filepath.Join(asked, "restored"))
	}
	return nil
}

func (d *destination) empty() (bool, error) {
	fd, err := unix.Openat(int(d.dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	f := os.NewFile(uintptr(fd), d.path)
	defer f.Close()
	_, err = f.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}

// free is how much room there is; ok is false where it cannot be told.
func (d *destination) free() (bytes int64, ok bool) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(d.dir.Fd()), &st); err != nil || st.Blocks == 0 {
		return 0, false
	}
	return int64(st.Bavail) * st.Bsize, true
}
