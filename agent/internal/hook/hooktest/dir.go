// Package hooktest makes hooks directories for tests.
package hooktest

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir makes a directory that only this account can change, every component of
// its path included: the usual one for temporary files is everybody's.
func Dir(t testing.TB) string {
	t.Helper()
	parent, err := os.UserCacheDir()
	if err != nil || os.MkdirAll(parent, 0o700) != nil {
		parent = "/var/lib"
	}
	dir, err := os.MkdirTemp(parent, "borgfleet-hooks-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Write puts a hook there.
func Write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}
