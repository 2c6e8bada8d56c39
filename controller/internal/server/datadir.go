package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"borgfleet/certs"
	"borgfleet/controller/internal/backup"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/revoked"
	"borgfleet/shared/secretfile"
	"borgfleet/shared/term"
)

// openDataDir makes the data directory, or looks whether it is one. A mistyped
// path must not make a fleet among somebody else's files: the next call, with the
// right path, would make another one.
func openDataDir(path string) error {
	if err := secretfile.MakeDir(path); err != nil {
		return unusable(err)
	}
	if err := refuseAnothers(path, os.Geteuid()); err != nil {
		return err
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
	return refuseLostStore(path)
}

// refuseLostStore does not begin a new history where there was one: its disk may not
// be mounted. The store is made first, so an authority is never there without it.
func refuseLostStore(path string) error {
	if _, err := certs.OpenAuthority(filepath.Join(path, "ca")); errors.Is(err, certs.ErrNoAuthority) {
		return nil
	}
	store := filepath.Join(path, "store")
	if gone(filepath.Join(store, "data")) && !gone(filepath.Join(store, "version")) {
		return fault.New(fault.Unavailable, "store_lost",
			"%s was removed from a controller's store: bring it back, or move %s away and bring a backup back (borgfleet-controller db restore, into an empty directory)",
			filepath.Join(store, "data"), path)
	}
	if !gone(store) {
		return nil // whatever is wrong with it is told when it is opened
	}
	return fault.New(fault.Unavailable, "store_lost",
		"%s is gone, and the fleet's authority beside it is there: see whether its disk is mounted, or bring a backup back (borgfleet-controller db restore, into an empty directory); "+
			"to begin again without history, users and repositories: mkdir -m 700 %s", store, term.Shell(store))
}

func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// refuseLostAuthority does not make a new authority for hosts that trust another
// one: they would all be shut out. db restore --new-ca leaves an empty directory,
// which says that this is meant.
func refuseLostAuthority(dir string, agents int) error {
	if _, err := os.Lstat(dir); agents == 0 || !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fault.New(fault.Unavailable, "authority_lost",
		"%s is gone, and the hosts of the fleet (%d) trust this authority and no other: bring the directory back from a copy, or with a backup that has it (borgfleet-controller db restore, into an empty directory); "+
			"to make a new one, with which every host has to enrol again: mkdir -m 700 %s", dir, agents, term.Shell(dir))
}

func unusable(err error) error {
	return fmt.Errorf("data directory: %w; choose another with --data-dir, or make it and give it to this user", err)
}
