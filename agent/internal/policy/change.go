package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Change reads the configuration in file, or the default if there is none, lets
// change edit it, and saves it. Commands that do so at
// the same time wait for each other, so none undoes what the other one wrote. An
// editor does not wait: keep change quick.
func Change(file string, change func(*Config) error) error {
	unlock, err := lockDir(file)
	if err != nil {
		return fmt.Errorf("lock configuration %s: %w", file, err)
	}
	defer unlock()
	c, err := Load(file)
	if errors.Is(err, fs.ErrNotExist) {
		c, err = Default(), nil
	}
	if err != nil {
		return err
	}
	if err := change(&c); err != nil {
		return err
	}
	return c.Save(file)
}

// lockDir locks the directory of a file: the file itself is replaced whole.
func lockDir(file string) (unlock func(), err error) {
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	d, err := os.Open(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(d.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return func() { d.Close() }, nil
}
