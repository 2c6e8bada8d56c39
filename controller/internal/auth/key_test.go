package auth

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token.key")
	first, err := LoadKey(file, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if again, err := LoadKey(file, rand.Reader); err != nil || again != first {
		t.Errorf("another key after a restart: %v", err)
	}
	if s := fmt.Sprintf("%v %+v %#v %s", first, first, first, first); strings.TrimSpace(strings.ReplaceAll(s, "token key", "")) != "" {
		t.Error("the key is printed")
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKey(file, rand.Reader); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "abcd\n", strings.Repeat("z", 64)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(file, rand.Reader); err == nil || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("a damaged key of %d bytes: %v", len(text), err)
		}
	}
	if _, err := LoadKey(filepath.Join(t.TempDir(), "k"), bytes.NewReader(nil)); err == nil {
		t.Error("made without randomness")
	}
}
