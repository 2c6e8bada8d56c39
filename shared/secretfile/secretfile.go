// Package secretfile keeps keys, tokens and other secrets in files: replaced
// whole, and refused when others on the host could have read them.
package secretfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Write puts data at path so that a crash leaves either what was there
// before or all of data: the file is written and synced under another name in
// the same directory, renamed, and the directory is synced, without which the
// rename itself may be lost.
func Write(path string, data []byte, perm fs.FileMode) error {
	return put(path, data, perm, os.Rename)
}

// Create is Write where nothing may be there yet; what is stays, and the error is
// fs.ErrExist.
func Create(path string, data []byte, perm fs.FileMode) error {
	return put(path, data, perm, func(from, to string) error {
		if err := os.Link(from, to); err != nil {
			return err
		}
		return os.Remove(from)
	})
}

func put(path string, data []byte, perm fs.FileMode, move func(from, to string) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, unfinished(path)+"*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if err := fill(f, data, perm); err != nil {
		return err
	}
	if err := move(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// Sweep removes what crashes in the middle of Write have left beside path: it
// may hold a secret that nobody will ever use. It must not run beside Write.
func Sweep(path string) error {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for leftovers: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), unfinished(path)) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("remove leftover: %w", err)
		}
	}
	return nil
}

// unfinished is how the name of a file begins that is to replace path.
func unfinished(path string) string { return "." + filepath.Base(path) + ".new-" }

// fill writes, syncs and closes f.
func fill(f *os.File, data []byte, perm fs.FileMode) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Read reads a file that holds a secret, and refuses one that others on
// the host can read or replace the content of: such a secret is not one.
func Read(path string) ([]byte, error) { return ReadOf(path, os.Geteuid()) }

// ReadOf is Read for root, who looks at what is the account owner's.
func ReadOf(path string, owner int) ([]byte, error) {
	// Without waiting, should it be a pipe. What is looked at is what is read.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err // names the path and what was done
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != owner {
		return nil, fmt.Errorf("%s belongs to another account (uid %d), which can read and replace it: make one of your own, or run chown %d %s",
			path, st.Uid, owner, path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be used by other accounts (mode %04o): if nobody has read it, run chmod 600 %s",
			path, info.Mode().Perm(), path)
	}
	return io.ReadAll(f)
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
