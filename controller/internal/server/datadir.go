package server

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"borgfleet/controller/internal/backup"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/revoked"
	"borgfleet/shared/secretfile"
)

// openDataDir makes the data directory, or looks whether it is one. A mistyped
// path must not make a fleet among somebody else's files: the next call, with the
// right path, would make another one.
func openDataDir(path string) error {
	err := secretfile.MakeDir(path)
	if err != nil {
		return unusable(err)
	}
	if err := backup.RefuseUnfinished(path); err != nil {
		return err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return unusable(err)
	}
	foreign := ""
	for _, e := range entries {
		if slices.Contains([]string{"store", "ca", revoked.Name}, e.Name()) {
			return nil // a controller's, or what is left of it
		}
		// It may be a disk of its own, and the home directory of an account.
		if e.Name() != "lost+found" && !strings.HasPrefix(e.Name(), ".") {
			foreign = e.Name()
		}
	}
	if foreign != "" {
		return fault.New(fault.Unavailable, "not_a_data_dir",
			"%s is not a data directory of a controller: it has %s, but no store", path, foreign)
	}
	return nil
}

func unusable(err error) error {
	return fmt.Errorf("data directory: %w; choose another with --data-dir, or make it and give it to this user", err)
}
