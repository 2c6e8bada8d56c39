package server

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"borgfleet/certs"
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

// TestLostStore: an authority without a store is no first start.
func TestLostStore(t *testing.T) {
	dir := t.TempDir()
	if _, err := certs.CreateAuthority(filepath.Join(dir, "ca"), time.Now(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if err := openDataDir(dir); err == nil || fault.Of(err).Code != "store_lost" {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "store")); !os.IsNotExist(err) {
		t.Errorf("it was made: %v", err)
	}
	// As the refusal says.
	if err := os.Mkdir(filepath.Join(dir, "store"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := openDataDir(dir); err != nil {
		t.Error(err)
	}
	// A store whose files were taken out of it is lost as well, and no empty one.
	if err := os.WriteFile(filepath.Join(dir, "store", "version"), []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := openDataDir(dir); err == nil || fault.Of(err).Code != "store_lost" {
		t.Errorf("without its data: %v", err)
	}
}

// TestLostAuthority: no new one is made for hosts that trust another, unless
// somebody says so.
func TestLostAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var made Made
	if _, err := openAuthority(dir, 1, &made); err == nil || fault.Of(err).Code != "authority_lost" || made.FleetID != "" {
		t.Errorf("got %v, made %+v", err, made)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it was made: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := openAuthority(dir, 1, &made); err != nil || made.FleetID == "" {
		t.Errorf("got %v, made %+v", err, made)
	}
	if _, err := openAuthority(filepath.Join(t.TempDir(), "ca"), 0, &made); err != nil { // a first start
		t.Error(err)
	}
}
