package auth

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInitialPassword(t *testing.T) {
	dir := t.TempDir()
	if p, file, err := InitialPassword(dir, "given", rand.Reader); p != "given" || file != "" || err != nil {
		t.Errorf("given: %q, %v", file, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Error("a given password was written to a file")
	}
	p, file, err := InitialPassword(dir, "", rand.Reader)
	if err != nil || len(p) != 27 || file != filepath.Join(dir, InitialPasswordFile) {
		t.Fatalf("%d characters in %s, %v", len(p), file, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	data, err := os.ReadFile(file)
	if err != nil || strings.TrimSpace(string(data)) != p {
		t.Errorf("the file holds another password: %v", err)
	}
	// The start was cut before the user was stored.
	if again, _, err := InitialPassword(dir, "", rand.Reader); err != nil || again != p {
		t.Errorf("another password at the next start: %v", err)
	}
	if other, _, err := InitialPassword(t.TempDir(), "", rand.Reader); err != nil || other == p {
		t.Errorf("two installations have one password: %v", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := InitialPassword(dir, "", rand.Reader); err == nil {
		t.Error("an empty password is taken")
	}
}
