package secretfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// ErrDamaged says that a file holds no key.
var ErrDamaged = errors.New("it is damaged")

// LoadKey reads the key of 32 bytes in file, and makes it first if it is not there.
func LoadKey(file string, rand io.Reader) (key [32]byte, err error) {
	data, err := Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := io.ReadFull(rand, key[:]); err != nil {
			return key, err
		}
		return key, Write(file, []byte(hex.EncodeToString(key[:])+"\n"), 0o600)
	}
	if err != nil {
		return key, err
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(raw) != len(key) {
		return key, fmt.Errorf("%s: %w", file, ErrDamaged)
	}
	return [32]byte(raw), nil
}
