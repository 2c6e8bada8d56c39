// Package owndir is for tests of what only the host's owner may have put there.
package owndir

import (
	"os"
	"path/filepath"
	"testing"
)

// New is a directory that only this account can change, every component of its path
// included: the usual one for temporary files is everybody's, and so may be what
// this account's home lies in.
func New(t testing.TB) string {
	t.Helper()
	parents := []string{"/var/lib"}
	if cache, err := os.UserCacheDir(); err == nil {
		parents = append([]string{cache}, parents...)
	}
	for _, parent := range parents {
		if os.MkdirAll(parent, 0o700) != nil || !ours(parent) {
			continue
		}
		dir, err := os.MkdirTemp(parent, "borgfleet-hooks-")
		if err != nil {
			continue
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	t.Fatalf("none of %q is a directory that only this account can change, all the way up", parents)
	return ""
}

func ours(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm()&0o022 != 0 {
			return false
		}
		if dir == "/" {
			return true
		}
	}
}
