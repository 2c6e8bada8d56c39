package auth

import (
	"errors"
	"fmt"
	"io"

	"borgfleet/shared/secretfile"
)

// Key signs tokens. Whoever has it is any user.
type Key [32]byte

// String keeps the key out of logs.
func (Key) String() string { return "token key" }

// GoString keeps the key out of logs.
func (Key) GoString() string { return "token key" }

// LoadKey reads the key in file, and makes it first if it is not there. To end
// all logins, stop the controller and remove the file.
func LoadKey(file string, rand io.Reader) (Key, error) {
	k, err := secretfile.LoadKey(file, rand)
	if errors.Is(err, secretfile.ErrDamaged) {
		return Key{}, fmt.Errorf("read token key: %s is damaged: remove it, a new one is made at the next start and users log in again", file)
	}
	if err != nil {
		return Key{}, fmt.Errorf("token key: %w", err)
	}
	return Key(k), nil
}
