// Package hooktest makes hooks directories for tests.
package hooktest

import (
	"os"
	"path/filepath"
	"testing"

	"borgfleet/shared/owndir"
)

// Dir makes a directory that only this account can change.
func Dir(t testing.TB) string {
	t.Helper()
	return owndir.New(t)
}

// Write puts a hook there.
func Write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}
