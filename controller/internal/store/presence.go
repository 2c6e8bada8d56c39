package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"borgfleet/controller/internal/fault"
)

// presence sees whether the files that Badger writes to are still where the next
// start will look for them. Badger itself does not: its log is open, and takes every
// write and every sync also when its name is gone, so that what was acknowledged is
// on no disk once the process has ended.
type presence struct {
	dir    string // that people know
	data   string // Badger's, in it
	opened os.FileInfo
	access func(path string, mode uint32) error // a test can fake it
}

// manifest is a file that Badger always has, whatever is stored.
const manifest = "MANIFEST"

func presenceOf(d *dir) (presence, error) {
	info, err := os.Stat(d.data())
	if err != nil {
		return presence{}, notUsable(d.path, err)
	}
	return presence{dir: d.path, data: d.data(), opened: info, access: unix.Access}, nil
}

// Missing is a file that the store at path lacks and every store has from its first
// start on; empty if it has all of them. Opened without it, a store begins again.
func Missing(path string) string {
	for _, part := range []string{versionFile, filepath.Join(dataDir, manifest)} {
		if _, err := os.Lstat(filepath.Join(path, part)); errors.Is(err, fs.ErrNotExist) {
			return filepath.Join(path, part)
		}
	}
	return ""
}

var errGone = errors.New("another directory, or none, has its place")

// check is an errGone once the directory is not the one that was opened, and another
// error while no file can be made in it.
func (p presence) check() error {
	info, err := os.Stat(p.data)
	if err == nil && !os.SameFile(info, p.opened) {
		err = errGone
	}
	if err == nil {
		_, err = os.Stat(filepath.Join(p.data, manifest))
	}
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ESTALE), errors.Is(err, errGone):
		return p.gone(err)
	case err != nil:
		return p.unusable(err)
	}
	if err := p.access(p.data, unix.W_OK|unix.X_OK); err != nil {
		return p.unusable(err)
	}
	return nil
}

func (p presence) gone(cause error) error {
	return fault.Wrap(fmt.Errorf("%w: %w", errGone, cause), fault.Unavailable, "data_dir_gone",
		"the store's directory %s was removed or replaced while the controller ran; it stores nothing more and ends. Put the directory back, or restore a backup with borgfleet-controller db restore, then start the controller", p.dir)
}

func (p presence) unusable(cause error) error {
	return fault.Wrap(cause, fault.Unavailable, "data_dir_unusable",
		"no files can be made in the store's directory %s: is its disk there and writable, and does the directory belong to the controller's account? Once they can the controller goes on by itself", p.dir)
}

// here refuses a write that the next start would not find.
func (s *Store) here() error {
	err := s.presence.check()
	if errors.Is(err, errGone) {
		return s.fail(err)
	}
	return err
}
