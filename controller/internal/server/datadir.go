package server

import (
	"fmt"

	"borgfleet/controller/internal/backup"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/revoked"
	"borgfleet/shared/secretfile"
)

// openDataDir makes the data directory, or looks whether it is one. A mistyped
// path must not make a fleet among somebody else's files: the next call, with the
// right path, would make another one.
func openDataDir(path string) error {
	if err := secretfile.MakeDir(path); err != nil {
		return unusable(err)
	}
	if err := backup.RefuseUnfinished(path); err != nil {
		return err
	}
	// Where one of these is, a controller has been, or what is left of it.
	foreign, err := secretfile.Foreign(path, []string{"store", "ca", revoked.Name}, nil)
	if err != nil {
		return unusable(err)
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
