package borg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"borgfleet/agent/internal/shortfile"
)

// Lend gives h with borg directories of its own below dir, which is empty. borg
// remembers there what it remembers with h, and what it writes is not h's. The
// keys stay where they are: nothing writes them but init and people.
//
// borg compares a repository with what it remembers in its security directory
// and in the configuration of its cache. An extract needs nothing else of them:
// the caches themselves, which are large, it does not open.
func Lend(h Host, dir string) (Host, error) {
	lent := h
	lent.BaseDir = dir
	keys := filepath.Join(h.ConfigDir(), "keys")
	if info, err := os.Stat(keys); err == nil && info.IsDir() {
		lent.KeysDir = keys
	}
	err := copyMemory(h.SecurityDir(), lent.SecurityDir(), nil)
	if err == nil {
		err = copyMemory(h.CacheDir(), lent.CacheDir(), []string{"config"})
	}
	if err != nil {
		return Host{}, internal("what borg remembers of repositories cannot be copied for the restore: %v", err)
	}
	return lent, nil
}

// Learn keeps what borg remembered with directories that were lent to it below
// dir, of repositories that h knows nothing of. What h knows stays as it is: it
// may be newer.
func Learn(h Host, dir string) error {
	if h.Root() == "" {
		return errors.New("the place of borg's directories is not known")
	}
	lent := Host{BaseDir: dir}
	if err := copyMemory(lent.SecurityDir(), h.SecurityDir(), nil); err != nil {
		return fmt.Errorf("keep what borg remembers of the repository: %w", err)
	}
	return nil
}

// mostMemory is many times what borg keeps in such a file.
const mostMemory = 64 << 10

// copyMemory copies the directories of repositories that are in from and not in
// to: the files with these names, or all of them.
func copyMemory(from, to string, names []string) error {
	repositories, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, r := range repositories {
		if !IsID(r.Name()) {
			continue
		}
		err := os.Mkdir(filepath.Join(to, r.Name()), 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = copyFiles(filepath.Join(from, r.Name()), filepath.Join(to, r.Name()), names)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyFiles(from, to string, names []string) error {
	if names == nil {
		entries, err := os.ReadDir(from)
		if err != nil {
			return err
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	for _, name := range names {
		text, err := shortfile.Read(filepath.Join(from, name), mostMemory)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) { // invalid: no file
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
