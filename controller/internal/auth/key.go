package auth

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

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
	data, err := secretfile.Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return newKey(file, rand)
	}
	if err != nil {
		return Key{}, fmt.Errorf("read token key: %w", err)
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(raw) != len(Key{}) {
		return Key{}, fmt.Errorf("read token key: %s is damaged: remove it, a new one is made at the next start and users log in again", file)
	}
	return Key(raw), nil
}

func newKey(file string, rand io.Reader) (Key, error) {
	var k Key
	if _, err := io.ReadFull(rand, k[:]); err != nil {
		return Key{}, fmt.Errorf("make token key: %w", err)
	}
	if err := secretfile.Write(file, []byte(hex.EncodeToString(k[:])+"\n"), 0o600); err != nil {
		return Key{}, fmt.Errorf("make token key: %w", err)
	}
	return k, nil
}
