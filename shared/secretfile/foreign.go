package secretfile

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Foreign names something in dir that is not of whoever has files of the names
// ours there; empty if there is nothing, or one of the names marks says that the
// directory is theirs. A mistyped path must not be taken for one's own: it would be
// closed to everybody else, /etc say, and filled.
func Foreign(dir string, marks, ours []string) (string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	foreign := ""
	for _, e := range entries {
		name := e.Name()
		// It may be a disk of its own, and the home directory of an account.
		known := name == "lost+found" || strings.HasPrefix(name, ".") || slices.Contains(ours, name)
		switch {
		case slices.Contains(marks, name):
			return "", nil
		case !known && foreign == "":
			foreign = name
		}
	}
	return foreign, nil
}
