package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"borgfleet/shared/seal"
	"borgfleet/shared/secretfile"
)

// FirstKeyFile holds the private half of the recovery key that the controller
// has made, below the data directory, until the person who installs takes it
// away.
const FirstKeyFile = "initial-recovery-key"

// FirstKey makes a recovery key and gives its private half to the person who
// installs: show shows it on their terminal; where that is nil it goes into
// file (mode 0600). A file that is there already is taken: the start that made
// it was cut before its public half was stored.
func FirstKey(dir string, show func(private string) error) (key *seal.Identity, file string, err error) {
	file = filepath.Join(dir, FirstKeyFile)
	if key, err = seal.LoadIdentity(file); err == nil {
		return key, file, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("make recovery key: %s is in the way: remove it, and start again", file)
	}
	if err := secretfile.Sweep(file); err != nil {
		return nil, "", fmt.Errorf("make recovery key: %w", err)
	}
	if key, err = seal.NewIdentity(); err != nil {
		return nil, "", fmt.Errorf("make recovery key: %w", err)
	}
	if show != nil {
		if err := show(key.Private()); err != nil {
			return nil, "", fmt.Errorf("show recovery key: %w", err)
		}
		return key, "", nil
	}
	if err := key.Save(file); err != nil {
		return nil, "", fmt.Errorf("make recovery key: %w", err)
	}
	return key, file, nil
}
