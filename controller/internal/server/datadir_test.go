package server

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"borgfleet/controller/internal/fault"
)

// TestForeignDataDir: no fleet is made among somebody else's files, and nothing
// else is.
func TestForeignDataDir(t *testing.T) {
	for _, c := range []struct {
		has []string
		ok  bool
	}{
		{nil, true},
		{[]string{"lost+found", ".bashrc"}, true},  // a disk of its own, and an account's home
		{[]string{"store", "notes.txt"}, true},     // a controller's, to which somebody has added something
		{[]string{"ca", "token.key"}, true},        // one whose store is lost
		{[]string{"revocations", "admin"}, true},   // and whose authority is, too
		{[]string{"passwd", "ssh"}, false},         // /etc
		{[]string{".bashrc", "Documents"}, false},  // somebody's home
		{[]string{"identity.json", "jobs"}, false}, // an agent's
	} {
		dir := t.TempDir()
		for _, name := range c.has {
			if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		err := openDataDir(dir)
		if (err == nil) != c.ok || err != nil && (fault.Of(err).Code != "not_a_data_dir" || fault.Of(err).Next() == "") {
			t.Errorf("%v: %v", c.has, err)
		}
		var left []string
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			left = append(left, e.Name())
		}
		if slices.Sort(c.has); err != nil || !slices.Equal(left, c.has) {
			t.Errorf("%v became %v (%v)", c.has, left, err)
		}
	}
}
