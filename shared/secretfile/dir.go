package secretfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// MakeDir makes a directory that is closed to everybody else, and those above it
// that are missing. When it returns nil they survive a power cut: a synced file
// is lost all the same if the name of a directory above it is.
func MakeDir(path string) error {
	made, err := missing(path)
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	for _, dir := range made {
		if err := SyncDir(filepath.Dir(dir)); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	return nil
}

// missing names path and those above it that are not there, the deepest first.
func missing(path string) ([]string, error) {
	var dirs []string
	for path = filepath.Clean(path); ; path = filepath.Dir(path) {
		_, err := os.Stat(path)
		switch {
		case err == nil || path == filepath.Dir(path):
			return dirs, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
		dirs = append(dirs, path)
	}
}
