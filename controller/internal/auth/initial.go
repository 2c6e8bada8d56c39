package auth

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"borgfleet/shared/secretfile"
)

// InitialPasswordFile holds the generated password of the first user, below
// the data directory.
const InitialPasswordFile = "initial-admin-password"

// InitialPassword gives the password of the first user: given, if it is not
// empty, or else a generated one, which is also written to file (mode 0600) for
// the person who installs. A file that is there already is taken: the start
// that made it was cut before the user was stored.
func InitialPassword(dir, given string, rand io.Reader) (password, file string, err error) {
	if given != "" {
		return given, "", nil
	}
	file = filepath.Join(dir, InitialPasswordFile)
	data, err := secretfile.Read(file)
	if err == nil {
		if password = strings.TrimSpace(string(data)); password == "" {
			return "", "", fmt.Errorf("read initial password: %s is empty: remove it and start again", file)
		}
		return password, file, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", "", fmt.Errorf("read initial password: %w", err)
	}
	raw := make([]byte, 15) // 120 bits: 24 characters
	if _, err := io.ReadFull(rand, raw); err != nil {
		return "", "", fmt.Errorf("make initial password: %w", err)
	}
	// Base 32 has no characters that look alike, once it is in small letters.
	text := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))
	password = strings.Join([]string{text[:6], text[6:12], text[12:18], text[18:]}, "-")
	if err := secretfile.Write(file, []byte(password+"\n"), 0o600); err != nil {
		return "", "", fmt.Errorf("make initial password: %w", err)
	}
	return password, file, nil
}
