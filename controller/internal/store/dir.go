package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"borgfleet/controller/internal/fault"
	"borgfleet/shared/secretfile"
	"borgfleet/shared/version"
)

const (
	lockFile    = "lock"
	versionFile = "version"
	dataDir     = "data"
)

// dir is a data directory that is ours alone.
type dir struct {
	path string
	lock *os.File // flocked; the lock goes with the process, however it ends
}

// openDir makes path a data directory or checks that it is one, and locks it.
// Nothing in it is touched before it is known to be ours and not too new.
func openDir(path string) (*dir, error) {
	if err := makeDir(path); err != nil {
		return nil, err
	}
	if err := checkContents(path); err != nil {
		return nil, err
	}
	lock, err := flock(path)
	if err != nil {
		return nil, err
	}
	d := &dir{path: path, lock: lock}
	if err := d.checkVersion(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	// Badger would make it, too, and not sync its name.
	if err := secretfile.MakeDir(d.data()); err != nil {
		return nil, errors.Join(notUsable(path, err), d.close())
	}
	return d, nil
}

func (d *dir) close() error {
	if err := d.lock.Close(); err != nil {
		return fmt.Errorf("unlock data directory: %w", err)
	}
	return nil
}

func (d *dir) data() string { return filepath.Join(d.path, dataDir) }

func makeDir(path string) error {
	if err := secretfile.MakeDir(path); err != nil {
		return notUsable(path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return notUsable(path, err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(path, 0o700); err != nil { // password hashes and logs are in it
		return notUsable(path, err)
	}
	return nil
}

func notUsable(path string, cause error) error {
	if errors.Is(cause, fs.ErrPermission) {
		return fault.Wrap(cause, fault.Unavailable, "data_dir_permission",
			"no permission for the data directory %s", path)
	}
	return fault.Wrap(cause, fault.Unavailable, "data_dir_unusable", "%s cannot be a data directory", path)
}

// checkContents refuses a directory with somebody else's files: a mistyped
// path must not fill /etc with a database.
func checkContents(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return notUsable(path, err)
	}
	foreign := ""
	for _, e := range entries {
		switch e.Name() {
		case versionFile:
			return nil
		case lockFile, versionFile + ".tmp": // a first start that did not get far
		default:
			foreign = e.Name()
		}
	}
	if foreign != "" {
		return fault.New(fault.Unavailable, "not_a_data_dir",
			"%s is not a data directory of the controller: it has %s, but no file named %s",
			path, foreign, versionFile)
	}
	return nil
}

func flock(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, notUsable(path, err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errInUse(path, err)
	}
	return nil, notUsable(path, err)
}

func (d *dir) checkVersion() error {
	b, err := os.ReadFile(filepath.Join(d.path, versionFile))
	if errors.Is(err, fs.ErrNotExist) {
		return d.writeVersion()
	}
	if err != nil {
		return notUsable(d.path, err)
	}
	have, err := strconv.Atoi(string(bytes.TrimSpace(b)))
	if err != nil || have < 1 {
		return fault.New(fault.Unavailable, "not_a_data_dir",
			"%s is not a data directory of the controller: its file %s has no version number", d.path, versionFile)
	}
	if have > version.Store {
		return fault.New(fault.Unavailable, "data_dir_newer",
			"%s was written by a newer controller: it has store version %d, this one (%s) knows up to %d. Use a controller with store version %d or later",
			d.path, have, version.String(), version.Store, have)
	}
	return nil
}

// writeVersion marks the directory before anything else is in it.
func (d *dir) writeVersion() error {
	tmp := filepath.Join(d.path, versionFile+".tmp")
	if err := writeSynced(tmp, strconv.Itoa(version.Store)+"\n"); err != nil {
		return notUsable(d.path, err)
	}
	if err := os.Rename(tmp, filepath.Join(d.path, versionFile)); err != nil {
		return notUsable(d.path, err)
	}
	return syncDir(d.path)
}

func writeSynced(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
