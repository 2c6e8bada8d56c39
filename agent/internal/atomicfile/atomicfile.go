// Package atomicfile replaces and creates files so that a reader, and a host
// that lost its power, see the old contents or the new, never a part.
package atomicfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Write replaces path by data. When it returns nil the new contents survive a
// power cut.
func Write(path string, data []byte) error {
	if err := place(path, data, true, os.Rename); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Swap replaces path by data without waiting for the disk: right for a value
// whose loss costs nothing, such as progress.
func Swap(path string, data []byte) error {
	return place(path, data, false, os.Rename)
}

// Show is Write for a value that a watcher should see as early as possible: it
// is visible before it is durable, and durable when Show returns nil.
func Show(path string, data []byte) error {
	if err := Swap(path, data); err != nil {
		return err
	}
	return syncPath(path)
}

// Create is Write, but fails with fs.ErrExist when path is there already.
func Create(path string, data []byte) error {
	if err := place(path, data, true, linkOver); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error { return syncPath(dir) }

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}

// linkOver is a rename that does not replace: link fails when the name exists.
func linkOver(tmp, path string) error {
	if err := os.Link(tmp, path); err != nil {
		return err
	}
	// The second name is only litter; a leftover is removed with the directory.
	os.Remove(tmp)
	return nil
}

func place(path string, data []byte, sync bool, move func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+tmpMark+strconv.Itoa(os.Getpid())+"-*")
	if err != nil {
		return err
	}
	tmp := f.Name()
	if err := fill(f, data, sync); err != nil {
		os.Remove(tmp)
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := move(tmp, path); err != nil {
		os.Remove(tmp)
		return err
	}
	return nil
}

func fill(f *os.File, data []byte, sync bool) error {
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if sync {
		return f.Sync()
	}
	return nil
}
