package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"
	"google.golang.org/protobuf/proto"

	"borgfleet/certs"
	storev1 "borgfleet/shared/proto/store/v1"
	"borgfleet/shared/secretfile"
)

// sealAuthority encrypts the files of an authority.
func sealAuthority(dir string, to age.Recipient) ([]byte, error) {
	if _, err := certs.OpenAuthority(dir); err != nil {
		return nil, err // what is damaged is not worth keeping, and somebody should know
	}
	files, err := readAuthority(dir)
	if err != nil {
		return nil, err
	}
	plain, err := proto.Marshal(&storev1.AuthorityFiles{Files: files})
	if err != nil {
		return nil, fmt.Errorf("encode certificate authority: %w", err)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("encrypt certificate authority: %w", err)
	}
	return out.Bytes(), nil
}

func readAuthority(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, fmt.Errorf("read certificate authority: %w", err)
		}
	}
	return files, nil
}

// ErrWrongKey says that the authority in a backup is encrypted to something
// else.
var ErrWrongKey = errors.New("the certificate authority in the backup does not open with this key or passphrase")

func openAuthority(sealed []byte, with age.Identity) (map[string][]byte, error) {
	plain, err := age.Decrypt(bytes.NewReader(sealed), with)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWrongKey, err)
	}
	data, err := io.ReadAll(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWrongKey, err)
	}
	var m storev1.AuthorityFiles
	if err := proto.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("read the certificate authority in the backup: %w", err)
	}
	return m.Files, nil
}

// placeAuthority makes the directory, and checks that it is the fleet's.
func placeAuthority(dir string, files map[string][]byte, fleetID string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("restore certificate authority: %w", err)
	}
	for name, data := range files {
		if name != filepath.Base(name) {
			return fmt.Errorf("restore certificate authority: %q is no file name", name)
		}
		if err := secretfile.Write(filepath.Join(dir, name), data, 0o600); err != nil {
			return fmt.Errorf("restore certificate authority: %w", err)
		}
	}
	return checkAuthority(dir, fleetID)
}

// checkAuthority makes sure that the authority in dir is the one of the fleet.
func checkAuthority(dir, fleetID string) error {
	a, err := certs.OpenAuthority(dir)
	if err != nil {
		return err
	}
	if a.FleetID() != fleetID {
		return fmt.Errorf("the certificate authority in %s is of the fleet %s, and the backup is of the fleet %s", dir, a.FleetID(), fleetID)
	}
	return nil
}
