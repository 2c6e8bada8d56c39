package recovery

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFirstKeyInAFile(t *testing.T) {
	dir := t.TempDir()
	key, file, err := FirstKey(dir, nil)
	if err != nil || file != filepath.Join(dir, FirstKeyFile) {
		t.Fatalf("%s, %v", file, err)
	}
	data, err := os.ReadFile(file)
	if err != nil || string(data) != key.Private() || !strings.Contains(string(data), "AGE-SECRET-KEY-1") {
		t.Errorf("the file does not hold the private half: %v", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	// The start was cut before the public half was stored.
	again, _, err := FirstKey(dir, nil)
	if err != nil || again.Recipient() != key.Recipient() {
		t.Errorf("another key was made beside the one that is in the file: %v", err)
	}
}

func TestFirstKeyOnATerminal(t *testing.T) {
	dir := t.TempDir()
	shown := ""
	key, file, err := FirstKey(dir, func(private string) error { shown = private; return nil })
	if err != nil || file != "" || shown != key.Private() {
		t.Errorf("%q, %v", file, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	unseen := errors.New("nobody saw it")
	if key, _, err := FirstKey(dir, func(string) error { return unseen }); !errors.Is(err, unseen) || key != nil {
		t.Errorf("a key that nobody saw: %v", err)
	}
}

// TestFirstKeyDamaged: what cannot be read is not replaced in silence, and not
// quoted.
func TestFirstKeyDamaged(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, FirstKeyFile)
	if err := os.WriteFile(file, []byte("AGE-SECRET-KEY-1QQQ\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := FirstKey(dir, nil)
	if err == nil || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		t.Error("the file is gone")
	}
}
