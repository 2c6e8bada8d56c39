package hook

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"borgfleet/shared/job"
)

// Dir is the directory that a host's hooks are in.
type Dir struct {
	Path string
	UID  int // of the account that may own things on the way, beside root
}

// Open opens a hook for reading, so that it can be executed through its
// descriptor: whatever is at its path later, this is what was looked at. The
// error says what to do.
func (d Dir) Open(name string) (*os.File, error) {
	f, err := d.open(name)
	if err != nil {
		return nil, fmt.Errorf("the hook %s cannot be used: %w", shown(name), err)
	}
	return f, nil
}

func (d Dir) open(name string) (*os.File, error) {
	if err := job.CheckHookName(name); err != nil {
		return nil, err
	}
	dir, err := d.walk()
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	path := filepath.Join(d.Path, name)
	fd, st, err := openAt(dir, name, path)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if err := d.usable(path, st); err != nil {
		return nil, err
	}
	// The same file once more, to be read: only its place was opened so far,
	// which does nothing to a device or a pipe.
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read by the agent's account: %w", path, errors.Unwrap(err))
	}
	return f, nil
}

// walk goes down to the directory and looks at every component, / included.
func (d Dir) walk() (fd int, err error) {
	if !filepath.IsAbs(d.Path) {
		return -1, fmt.Errorf("the hooks directory %q is not an absolute path: set hooks.directory in agent.yaml", d.Path)
	}
	fd, err = unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open /: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("look at /: %w", err)
	}
	at := "/"
	for _, part := range strings.Split(strings.Trim(filepath.Clean(d.Path), "/"), "/") {
		if err = d.trusted(at, st); err != nil || part == "" {
			break
		}
		var next int
		at = filepath.Join(at, part)
		if next, st, err = openAt(fd, part, at); err != nil {
			break
		}
		unix.Close(fd)
		fd = next
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			err = fmt.Errorf("%s is no directory: set hooks.directory in agent.yaml", at)
			break
		}
	}
	if err == nil {
		err = d.trusted(at, st)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// openAt opens the place of one component, without following it.
func openAt(dir int, name, path string) (fd int, st unix.Stat_t, err error) {
	fd, err = unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, st, fmt.Errorf("there is no %s on this host: put it there, or take the hook out of the repository's definition", path)
	}
	if err == nil {
		err = unix.Fstat(fd, &st)
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return -1, st, fmt.Errorf("open %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		unix.Close(fd)
		return -1, st, fmt.Errorf("%s is a symbolic link, and none is followed: put what it leads to in its place", path)
	}
	return fd, st, nil
}

// usable looks at the hook itself.
func (d Dir) usable(path string, st unix.Stat_t) error {
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Errorf("%s is no regular file", path)
	case st.Mode&(unix.S_ISUID|unix.S_ISGID) != 0:
		return fmt.Errorf("%s is setuid or setgid (mode %04o), and a hook is the agent's: chmod u-s,g-s %s", path, st.Mode&0o7777, path)
	case st.Mode&0o111 == 0:
		return fmt.Errorf("%s is not executable: chmod +x %s", path, path)
	}
	return d.trusted(path, st)
}

// trusted: who else could change it would have the rights of the agent.
func (d Dir) trusted(path string, st unix.Stat_t) error {
	switch {
	case st.Uid != 0 && int(st.Uid) != d.UID:
		return fmt.Errorf("%s belongs to another account (%d), which could have the agent run anything: %s", path, st.Uid, d.remedy("chown root", path, st))
	case st.Mode&0o022 != 0:
		return fmt.Errorf("%s can be written by others (mode %04o), who could have the agent run anything: %s", path, st.Mode&0o7777, d.remedy("chmod go-w", path, st))
	}
	return nil
}

// remedy changes what is there for hooks alone. What lies above it, and what is
// sticky, is used by others: a machine whose /tmp has lost its mode breaks.
func (d Dir) remedy(command, path string, st unix.Stat_t) string {
	dir := filepath.Clean(d.Path)
	switch {
	case filepath.Dir(path) == dir:
		return command + " " + path
	case path == dir && st.Mode&unix.S_ISVTX == 0:
		return command + " " + path + ", or set hooks.directory in agent.yaml to another directory"
	}
	return "leave it as it is, move the hooks to a directory that only root and the agent's account can change, all the way up, and set hooks.directory in agent.yaml to it"
}

// shown is a name in a message: it may be long, and of any bytes.
func shown(name string) string {
	if job.CheckHookName(name) == nil {
		return name
	}
	return fmt.Sprintf("%.100q", name)
}
