package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"borgfleet/controller/internal/revoked"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/secretfile"
)

// The parts of a data directory.
const (
	storeDir     = "store"
	authorityDir = "ca"
)

// unfinished is there while a restore is at work: a controller that finds it
// does not start.
const unfinished = "restore-unfinished"

// Restore says how a data directory is made from a backup.
type Restore struct {
	DataDir string // empty or absent

	// One of these; with none the backup must not lack what it takes.
	Identity     age.Identity // opens the authority in the backup
	AuthorityDir string       // a copy of the authority that was kept elsewhere
	NewAuthority bool         // every host enrols again

	Revocations    []revoked.Entry // of the file that survived
	HasRevocations bool
	NothingRevoked bool // somebody says that nobody was shut out since the backup

	Store store.Options
	Now   time.Time
}

// ErrNoAuthority says that there is nothing that could prove who is who.
var ErrNoAuthority = errors.New("the certificate authority is missing")

// Run restores. in is read twice: nothing is made before all of it is known to
// be good.
func (r Restore) Run(in io.ReadSeeker) (Manifest, error) {
	if err := r.refuseInUse(); err != nil {
		return Manifest{}, err
	}
	first, err := NewReader(in)
	if err != nil {
		return Manifest{}, err
	}
	m, err := first.verify()
	if err != nil {
		return m, err
	}
	authority, err := r.authority(first)
	if err != nil {
		return m, err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return m, fmt.Errorf("read backup: %w", err)
	}
	again, err := NewReader(in)
	if err != nil {
		return m, err
	}
	return m, r.build(again, authority, append(first.revocations, r.Revocations...))
}

func (r Restore) refuseInUse() error {
	entries, err := os.ReadDir(r.DataDir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	if err := RefuseUnfinished(r.DataDir); err != nil {
		return err
	}
	return fmt.Errorf("%s is not empty, and a restore replaces nothing: stop the controller if it runs, move the directory away (its file %s is worth giving to --revocations), and restore again", r.DataDir, revoked.Name)
}

// RefuseUnfinished is an error if a restore into a data directory did not come
// to its end: what is there is a part of a controller.
func RefuseUnfinished(dataDir string) error {
	_, err := os.Lstat(filepath.Join(dataDir, unfinished))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	return fmt.Errorf("a restore into %s did not come to its end: remove everything in it, and restore again", dataDir)
}

// authority gives the files of the authority to use; nil: a new one is made at
// the first start.
func (r Restore) authority(b *Reader) (map[string][]byte, error) {
	switch {
	case r.NewAuthority:
		return nil, nil
	case r.AuthorityDir != "":
		if err := checkAuthority(r.AuthorityDir, b.manifest.FleetID); err != nil {
			return nil, err
		}
		return readAuthority(r.AuthorityDir)
	case b.authority == nil:
		return nil, fmt.Errorf("%w in this backup", ErrNoAuthority)
	case r.Identity == nil:
		return nil, fmt.Errorf("%w: it is in the backup, encrypted", ErrNoAuthority)
	}
	return openAuthority(b.authority, r.Identity)
}

// putAuthority leaves a mark if a new authority is wanted.
func (r Restore) putAuthority(files map[string][]byte, fleetID string) error {
	dir := filepath.Join(r.DataDir, authorityDir)
	if files != nil {
		return placeAuthority(dir, files, fleetID)
	}
	if err := secretfile.Write(filepath.Join(r.DataDir, NewAuthorityMark), nil, 0o600); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// build makes the directory. The mark goes last, when all else is on the disk.
func (r Restore) build(b *Reader, authority map[string][]byte, shut []revoked.Entry) error {
	if err := os.MkdirAll(r.DataDir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	if err := os.Chmod(r.DataDir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	mark := filepath.Join(r.DataDir, unfinished)
	if err := secretfile.Write(mark, nil, 0o600); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	m := b.Manifest()
	if err := r.putAuthority(authority, m.FleetID); err != nil {
		return err
	}
	if err := revoked.Write(filepath.Join(r.DataDir, revoked.Name), shut); err != nil {
		return fmt.Errorf("restore revocations: %w", err)
	}
	origin := store.Restored{
		From: m.StoreID, TakenAt: m.CreatedAt, At: r.Now, AdmitUnknown: r.HasRevocations || r.NothingRevoked,
	}
	if err := store.Rebuild(filepath.Join(r.DataDir, storeDir), r.Store, b.Entries(), origin); err != nil {
		return fmt.Errorf("restore the store: %w", err)
	}
	if err := secretfile.SyncDir(r.DataDir); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.Remove(mark); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return secretfile.SyncDir(r.DataDir)
}
