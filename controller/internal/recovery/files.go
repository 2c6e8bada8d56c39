package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"borgfleet/shared/secretfile"
)

// Files are where what was opened lies; empty: there is none.
type Files struct {
	Dir        string
	Passphrase string
	Key        string
}

// Save writes what was opened to files that are for their owner only, in a
// directory that is empty or not there yet.
func (o Opened) Save(dir string) (f Files, err error) {
	if f.Dir, err = filepath.Abs(dir); err != nil {
		return f, err
	}
	entries, err := os.ReadDir(f.Dir)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return f, err
	case len(entries) > 0:
		return f, fmt.Errorf("%s is not empty, and nothing is written over: name another directory", f.Dir)
	}
	if err := secretfile.MakeDir(f.Dir); err != nil {
		return f, err
	}
	for _, file := range []struct {
		name string
		data []byte
		into *string
	}{{"passphrase", o.Passphrase, &f.Passphrase}, {"borg-key", o.Key, &f.Key}} {
		if file.data == nil {
			continue
		}
		*file.into = filepath.Join(f.Dir, file.name)
		if err := secretfile.Write(*file.into, file.data, 0o600); err != nil {
			return f, err
		}
	}
	return f, nil
}
