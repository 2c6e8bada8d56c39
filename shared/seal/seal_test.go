package seal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

func newTestIdentity(t testing.TB) *Identity {
	t.Helper()
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestSealAndOpen(t *testing.T) {
	id := newTestIdentity(t)
	for _, passphrase := range []string{"x", "correct horse battery staple", "päß\x00\xff\n", strings.Repeat("p", maxPassphrase)} {
		sealed, err := Seal(id.Recipient(), "web-1", "ssh://bk@host/srv/<repo>&", []byte(passphrase))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(sealed, []byte(passphrase)) && len(passphrase) > 4 {
			t.Error("the passphrase can be read in the seal")
		}
		got, err := Open(id, "web-1", "ssh://bk@host/srv/<repo>&", sealed)
		if err != nil || string(got) != passphrase {
			t.Errorf("opened another passphrase of %d bytes, want %d: %v", len(got), len(passphrase), err)
		}
	}
}

func TestSealHidesTheLength(t *testing.T) {
	id := newTestIdentity(t)
	size := func(n int) int {
		sealed, err := Seal(id.Recipient(), "web-1", "web-1:/srv/repo", make([]byte, n))
		if err != nil {
			t.Fatal(err)
		}
		return len(sealed)
	}
	if size(1) != size(60) {
		t.Errorf("passphrases of 1 and 60 bytes give seals of %d and %d", size(1), size(60))
	}
}

func TestOpenRefusesAnotherUse(t *testing.T) {
	id := newTestIdentity(t)
	sealed, err := Seal(id.Recipient(), "web-1", "web-1:/srv/repo", []byte("secret-word"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ agent, location, field string }{
		{"web-2", "web-1:/srv/repo", "agent"},
		{"web-1", "web-1:/srv/other", "location"},
		{"web-1", "ssh://evil/srv/repo", "location"},
		{"", "web-1:/srv/repo", "agent"},
		{"web-1", "", "location"},
	} {
		got, err := Open(id, tt.agent, tt.location, sealed)
		var m *Mismatch
		if !errors.As(err, &m) || m.Field != tt.field || got != nil {
			t.Errorf("%s %s: %v, want a mismatch of the %s", tt.agent, tt.location, err, tt.field)
			continue
		}
		for _, want := range []string{tt.field, m.Sealed, m.Used, "set the repository's passphrase"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
	}
}

func TestOpenErrors(t *testing.T) {
	id, other := newTestIdentity(t), newTestIdentity(t)
	sealed, err := Seal(id.Recipient(), "web-1", "web-1:/srv/repo", []byte("secret-word"))
	if err != nil {
		t.Fatal(err)
	}
	raw := func(text string) []byte {
		to, err := age.ParseX25519Recipient(id.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w, err := age.Encrypt(&b, to)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(text))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for _, tt := range []struct {
		name   string
		id     *Identity
		sealed []byte
		want   string
	}{
		{"another key", other, sealed, "another key"},
		{"changed", id, changed, "set the repository's passphrase"},
		{"cut", id, sealed[:len(sealed)-20], "set the repository's passphrase"},
		{"empty", id, nil, "set the repository's passphrase"},
		{"huge", id, make([]byte, MaxSealed+1), "at most"},
		{"no JSON", id, raw("secret-word"), "unknown form"},
		{"newer", id, raw(`{"version":2,"agent":"web-1","location":"web-1:/srv/repo","passphrase":"c2VjcmV0LXdvcmQ="}`), "upgrade"},
		{"no passphrase", id, raw(`{"version":1,"agent":"web-1","location":"web-1:/srv/repo"}`), "none"},
		{"one key more", id, raw(`{"version":1,"agent":"web-1","location":"web-1:/srv/repo","passphrase":"c2VjcmV0LXdvcmQ=","x":1}`), "unknown form"},
	} {
		got, err := Open(tt.id, "web-1", "web-1:/srv/repo", tt.sealed)
		if err == nil || got != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		} else if strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s: the error tells the passphrase", tt.name)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	id := newTestIdentity(t)
	r := id.Recipient()
	for name, do := range map[string]func() ([]byte, error){
		"no recipient":       func() ([]byte, error) { return Seal("", "a", "l", []byte("p")) },
		"private half":       func() ([]byte, error) { return Seal(id.key.String(), "a", "l", []byte("p")) },
		"no agent":           func() ([]byte, error) { return Seal(r, "", "l", []byte("p")) },
		"no location":        func() ([]byte, error) { return Seal(r, "a", "", []byte("p")) },
		"location not UTF-8": func() ([]byte, error) { return Seal(r, "a", "\xff", []byte("p")) },
		"no passphrase":      func() ([]byte, error) { return Seal(r, "a", "l", nil) },
		"long passphrase":    func() ([]byte, error) { return Seal(r, "a", "l", make([]byte, maxPassphrase+1)) },
	} {
		if sealed, err := do(); err == nil || sealed != nil {
			t.Errorf("%s: sealed", name)
		} else if strings.Contains(err.Error(), "1QQQ") {
			t.Errorf("%s: the error quotes a private key", name)
		}
	}
}

func TestIdentityFile(t *testing.T) {
	id := newTestIdentity(t)
	file := filepath.Join(t.TempDir(), "age.key")
	if err := id.Save(file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	got, err := LoadIdentity(file)
	if err != nil || got.Recipient() != id.Recipient() {
		t.Errorf("another identity was read: %v", err)
	}
	// age itself reads the file, so a person can do without us.
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := age.ParseIdentities(bytes.NewReader(data)); err != nil || len(ids) != 1 {
		t.Errorf("age reads %d identities, %v", len(ids), err)
	}
	for name, text := range map[string]string{
		"empty":   "",
		"two":     string(data) + string(data),
		"garbage": "AGE-SECRET-KEY-1QQQ\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadIdentity(file); err == nil || strings.Contains(err.Error(), "1QQQ") {
			t.Errorf("%s: %v", name, err != nil)
		}
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadIdentity(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err != nil)
	}
}

func TestIdentityIsNotPrinted(t *testing.T) {
	id := newTestIdentity(t)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if strings.Contains(fmt.Sprintf(format, id), "AGE-SECRET-KEY") {
			t.Errorf("%s prints the private half", format)
		}
	}
}

func TestFingerprint(t *testing.T) {
	id, other := newTestIdentity(t), newTestIdentity(t)
	f := id.Fingerprint()
	if f != Fingerprint(id.Recipient()) || f == other.Fingerprint() || len(f) != 39 || strings.Count(f, "-") != 7 {
		t.Errorf("fingerprint %q", f)
	}
}
