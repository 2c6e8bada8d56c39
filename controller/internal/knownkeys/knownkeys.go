// Package knownkeys remembers which keys this account has sealed to. A controller
// that was taken over could name a key of its own for any host: what was named
// before, or what a person has compared, is what counts.
package knownkeys

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"syscall"

	"borgfleet/shared/secretfile"
)

// Key is whom a key belongs to, as a controller says.
type Key struct {
	Controller string `json:"controller"`      // as the person names it: a URL or a socket
	ID         string `json:"agent,omitempty"` // an agent's; empty: the fleet's recovery key
	Name       string `json:"name,omitempty"`  // of that agent
	Key        string `json:"key"`
}

// about: under one controller an agent's id stays, and a person goes by its name.
// Who has either has to have the key, too.
func (k Key) about(other Key) bool {
	return k.Controller == other.Controller && (k.ID == other.ID || k.Name != "" && k.Name == other.Name)
}

// Book is one account's.
type Book struct{ path string }

// Open finds the book of this account; it need not be there yet.
func Open() (Book, error) {
	dir, err := configDir()
	if err != nil {
		return Book{}, err
	}
	return Book{path: filepath.Join(dir, "borgfleet", "known-keys.json")}, nil
}

// configDir does without HOME, which a service or cron may not have.
func configDir() (string, error) {
	if dir, err := os.UserConfigDir(); err == nil {
		return dir, nil
	}
	u, err := user.Current()
	if err != nil || !filepath.IsAbs(u.HomeDir) {
		return "", errors.New("this account has no home directory to remember keys in: set XDG_CONFIG_HOME")
	}
	return filepath.Join(u.HomeDir, ".config"), nil
}

// Path is where the book lies.
func (b Book) Path() string { return b.path }

// Other gives what is known of whom the key belongs to, if that is another key.
// first: nothing is known.
func (b Book) Other(k Key) (other Key, first bool, err error) {
	all, err := b.read()
	if err != nil {
		return Key{}, false, err
	}
	first = true
	for _, known := range all {
		if !known.about(k) {
			continue
		}
		if known.Key != k.Key {
			return known, false, nil
		}
		first = false
	}
	return Key{}, first, nil
}

// Keep remembers a key in the place of what was known of the same.
func (b Book) Keep(k Key) error {
	if err := secretfile.MakeDir(filepath.Dir(b.path)); err != nil {
		return err
	}
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	all, err := b.read()
	if err != nil {
		return err
	}
	if slices.Contains(all, k) {
		return nil
	}
	all = append(slices.DeleteFunc(all, func(known Key) bool { return known.about(k) }), k)
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return secretfile.Write(b.path, append(data, '\n'), 0o600)
}

// lock keeps two calls at once from losing what one of them has learnt.
func (b Book) lock() (unlock func(), err error) {
	dir, err := os.Open(filepath.Dir(b.path))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		dir.Close()
		return nil, err
	}
	return func() { dir.Close() }, nil
}

func (b Book) read() ([]Key, error) {
	data, err := secretfile.Read(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the keys that are known here: %w", err)
	}
	var all []Key
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): move it away, and compare the keys anew", b.path, err)
	}
	return all, nil
}
