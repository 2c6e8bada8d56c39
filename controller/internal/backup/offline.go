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

	"borgfleet/certs"
	"borgfleet/controller/internal/revoked"
	"borgfleet/controller/internal/store"
)

// Offline backs a data directory up on which no controller runs. The store's
// lock keeps one away meanwhile. Root does it as the account of the controller.
func Offline(w io.Writer, dataDir string, to age.Recipient, opt store.Options, now time.Time) error {
	return asOwner(dataDir, func() error { return offline(w, dataDir, to, opt, now) })
}

func offline(w io.Writer, dataDir string, to age.Recipient, opt store.Options, now time.Time) (err error) {
	if err := RefuseUnfinished(dataDir); err != nil {
		return err
	}
	// Opening a store would make one where there is none.
	if _, err := os.Stat(filepath.Join(dataDir, storeDir, "version")); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is no controller's data directory: name that with --data-dir", dataDir)
	} else if err != nil {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	ca, err := certs.OpenAuthority(filepath.Join(dataDir, authorityDir))
	if err != nil {
		return err
	}
	st, err := store.Open(filepath.Join(dataDir, storeDir), opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	shut, err := revoked.Open(filepath.Join(dataDir, revoked.Name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shut.Close()) }()
	return Write(w, Source{
		Store: st, FleetID: ca.FleetID(), Revocations: shut.Entries(),
		Authority: filepath.Join(dataDir, authorityDir), Recipient: to, Now: now,
	})
}
