package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"borgfleet/certs"
	"borgfleet/controller/internal/backup"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/revoked"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/clock"
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
			"%s is not a data directory of a controller: it has %s, but no store. Move that away, or name another with --data-dir", path, foreign)
	}
	return refuseLostStore(path)
}

// refuseLostStore does not begin a new history where there was one: its disk may not
// be mounted, and then an empty directory is in its place. The store is made and on
// the disk before the authority is, so none is ever there without it.
func refuseLostStore(path string) error {
	if _, err := certs.OpenAuthority(filepath.Join(path, "ca")); errors.Is(err, certs.ErrNoAuthority) {
		return nil
	}
	lost := store.Missing(filepath.Join(path, "store"))
	if lost == "" {
		return nil // whatever is wrong with it is told when it is opened
	}
	return fault.New(fault.Unavailable, "store_lost",
		"%s is gone, and the fleet's authority beside it is there: see whether its disk is mounted, or move %s away and bring a backup back "+
			"(borgfleet-controller db restore, into an empty directory); a new fleet, without history, begins in another --data-dir", lost, path)
}

// openAuthority opens the authority, or makes it at the first start.
func openAuthority(dir string, hosts int, made *Made) (*certs.Authority, error) {
	dataDir := filepath.Dir(dir)
	a, err := certs.OpenAuthority(dir)
	if errors.Is(err, certs.ErrNoAuthority) {
		if err := refuseLostAuthority(dir, hosts); err != nil {
			return nil, err
		}
		if a, err = certs.CreateAuthority(dir, clock.Now(), rand.Reader); err == nil {
			made.FleetID = a.FleetID()
		}
	}
	if err != nil {
		return nil, err
	}
	// Once is all that it says: the next authority that is gone is lost again.
	return a, backup.ForgetNewAuthority(dataDir)
}

// refuseLostAuthority does not make a new authority for hosts that trust another
// one: they would all be shut out.
func refuseLostAuthority(dir string, hosts int) error {
	dataDir := filepath.Dir(dir)
	meant, err := backup.NewAuthorityWanted(dataDir)
	if err != nil || meant || hosts == 0 {
		return err
	}
	return fault.New(fault.Unavailable, "authority_lost",
		"%s is gone, and the hosts of the fleet (%d) trust this authority and no other: see whether its disk is mounted, bring the directory back from a copy, "+
			"or with a backup that has it (borgfleet-controller db restore, into an empty directory); to make a new one, with which every host has to enrol again: touch %s",
		dir, hosts, term.Shell(filepath.Join(dataDir, backup.NewAuthorityMark)))
}

// trusting counts the hosts that a new authority would shut out.
func trusting(agents []store.Agent) (n int) {
	for _, a := range agents {
		if !a.Revoked {
			n++
		}
	}
	return n
}

func unusable(err error) error {
	return fmt.Errorf("data directory: %w; choose another with --data-dir, or make it and give it to this user", err)
}
