package knownkeys

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func opened(t *testing.T) Book {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	b, err := Open()
	must(t, err)
	return b
}

// TestKnownKeys: a key is known by the controller that a person names, and by the
// agent's id and name, whichever a hostile controller changes.
func TestKnownKeys(t *testing.T) {
	b := opened(t)
	web := Key{Controller: "https://c", ID: "1", Name: "web", Key: "k1"}
	look := func(what string, k Key, wantOther string, wantFirst bool) {
		t.Helper()
		other, first, err := b.Other(k)
		must(t, err)
		if other.Key != wantOther || first != wantFirst {
			t.Errorf("%s: another one %q, first %v", what, other.Key, first)
		}
	}
	look("before", web, "", true)
	must(t, b.Keep(web))
	must(t, b.Keep(web))
	look("again", web, "", false)
	look("another key", Key{"https://c", "1", "web", "k2"}, "k1", false)
	look("under another name", Key{"https://c", "1", "db", "k2"}, "k1", false)
	look("under another id", Key{"https://c", "2", "web", "k2"}, "k1", false)
	look("renamed", Key{"https://c", "1", "db", "k1"}, "", false)
	look("another agent", Key{"https://c", "2", "db", "k2"}, "", true)
	look("another controller", Key{"https://d", "1", "web", "k2"}, "", true)
	look("the recovery key", Key{Controller: "https://c", Key: "r"}, "", true)
	must(t, b.Keep(Key{Controller: "https://c", Key: "r"}))
	look("another recovery key", Key{Controller: "https://c", Key: "s"}, "r", false)
	look("an agent beside it", Key{"https://c", "2", "db", "k2"}, "", true)
	must(t, b.Keep(Key{"https://c", "2", "web", "k2"}))
	look("the one that a person has put in its place", Key{"https://c", "2", "web", "k2"}, "", false)
	look("the one before", web, "k2", false)
	info, err := os.Stat(b.Path())
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
}

func TestBookThatOthersWrote(t *testing.T) {
	b := opened(t)
	must(t, b.Keep(Key{"c", "1", "web", "k"}))
	must(t, os.Chmod(b.Path(), 0o666))
	if _, _, err := b.Other(Key{"c", "1", "web", "k"}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("%v", err)
	}
	must(t, os.WriteFile(b.Path(), []byte("[{"), 0o600))
	must(t, os.Chmod(b.Path(), 0o600))
	if _, _, err := b.Other(Key{"c", "1", "web", "k"}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%v", err)
	}
	if b.Keep(Key{"c", "1", "web", "k"}) == nil {
		t.Error("a damaged book was written over")
	}
}

// TestManyAtOnce lose nothing of each other.
func TestManyAtOnce(t *testing.T) {
	b := opened(t)
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			if err := b.Keep(Key{"c", fmt.Sprint(n), fmt.Sprint("host", n), "k"}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	known, err := b.read()
	must(t, err)
	if len(known) != 20 {
		t.Errorf("%d are known", len(known))
	}
}

// TestNoHome: root in a service has neither HOME nor XDG_CONFIG_HOME, and a home
// all the same.
func TestNoHome(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	if u, err := user.Current(); err != nil || !filepath.IsAbs(u.HomeDir) {
		t.Skip("this account has none")
	}
	b, err := Open()
	must(t, err)
	if !filepath.IsAbs(b.Path()) {
		t.Errorf("at %q", b.Path())
	}
}
