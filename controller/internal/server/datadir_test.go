package server

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"borgfleet/certs"
	"borgfleet/controller/internal/backup"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

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

// TestLostStore: an authority without a store is no first start, whatever is in its
// place: nothing, or what an unmounted disk leaves, or a part of it.
func TestLostStore(t *testing.T) {
	dir := t.TempDir()
	if _, err := certs.CreateAuthority(filepath.Join(dir, "ca"), time.Now(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(dir, "store")
	lost := func(what string) {
		t.Helper()
		if err := openDataDir(dir); err == nil || fault.Of(err).Code != "store_lost" {
			t.Errorf("%s: %v", what, err)
		}
	}
	lost("nothing")
	if _, err := os.Stat(place); !os.IsNotExist(err) {
		t.Errorf("it was made: %v", err)
	}
	must(t, os.Mkdir(place, 0o700))
	lost("an empty directory")
	must(t, os.Mkdir(filepath.Join(place, "lost+found"), 0o700))
	lost("an empty disk")
	must(t, os.WriteFile(filepath.Join(place, "version"), []byte("1\n"), 0o600))
	lost("no data")
	must(t, os.Mkdir(filepath.Join(place, "data"), 0o700))
	lost("empty data")
	must(t, os.RemoveAll(place))
	st, err := store.Open(place, store.Options{})
	must(t, err)
	must(t, st.Close())
	if err := openDataDir(dir); err != nil {
		t.Errorf("a store: %v", err)
	}
}

// TestLostAuthority: no new one is made for hosts that trust another, unless
// somebody says so, and then once.
func TestLostAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	lost := func(what string) {
		t.Helper()
		var made Made
		if _, err := openAuthority(dir, 1, &made); err == nil || fault.Of(err).Code != "authority_lost" || made.FleetID != "" {
			t.Errorf("%s: got %v, made %+v", what, err, made)
		}
	}
	lost("nothing")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it was made: %v", err)
	}
	must(t, os.Mkdir(dir, 0o700))
	lost("an empty directory") // as an unmounted disk leaves it
	// As the refusal says.
	must(t, os.WriteFile(filepath.Join(filepath.Dir(dir), backup.NewAuthorityMark), nil, 0o600))
	var made Made
	if _, err := openAuthority(dir, 1, &made); err != nil || made.FleetID == "" {
		t.Errorf("got %v, made %+v", err, made)
	}
	must(t, os.RemoveAll(dir))
	lost("lost again")
	if _, err := openAuthority(filepath.Join(t.TempDir(), "ca"), 0, &made); err != nil { // a first start
		t.Error(err)
	}
}

// TestTrusting: who was shut out trusts nobody.
func TestTrusting(t *testing.T) {
	if n := trusting([]store.Agent{{}, {Revoked: true}, {}}); n != 2 {
		t.Errorf("%d hosts trust the authority, want 2", n)
	}
}
