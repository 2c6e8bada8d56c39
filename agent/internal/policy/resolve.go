package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxLinks is the kernel's own limit.
const maxLinks = 40

// resolve follows every symlink in an absolute path, also in a path whose end
// does not exist yet: borg init would make it. A dangling symlink is followed
// too, for borg would create what it points to.
//
// The answer is true for this moment. Whoever may change directories on this
// host between the check and borg is somebody whom the owner trusts with that;
// the controller is not.
func resolve(path string) (string, error) {
	todo := split(filepath.Clean(path)) // as borg does it, which cleans before it opens
	done := "/"
	links := 0
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case "", ".":
			continue
		case "..": // only out of a link's target; done has no symlinks left
			done = filepath.Dir(done)
			continue
		}
		next := filepath.Join(done, name)
		info, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || tooLongName(err, next) {
			done = next // and so for what follows it
			continue
		}
		if err != nil {
			return "", fmt.Errorf("follow %s: %w", path, err)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		if err := noLinkOfProc(done, next); err != nil {
			return "", err
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("follow %s: more than %d symlinks, probably a circle", path, maxLinks)
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", fmt.Errorf("follow %s: %w", path, err)
		}
		if filepath.IsAbs(target) {
			done = "/"
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return done, nil
}

// tooLongName: nothing can have this name in its folder. A path that is too long
// as a whole is another matter: step by step it can be gone.
func tooLongName(err error, path string) bool {
	return errors.Is(err, syscall.ENAMETOOLONG) && len(path) < unix.PathMax
}

// noLinkOfProc refuses links on procfs: what they read as is not where they lead.
// /proc/PID/root reads as /, and may be another process's root.
func noLinkOfProc(dir, link string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("follow %s: %w", link, err)
	}
	if fs.Type == unix.PROC_SUPER_MAGIC {
		return fmt.Errorf("%s leads through a process to files that have a path of their own: name that", link)
	}
	return nil
}

// within says whether path is dir or lies below it; both are clean.
func within(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}
