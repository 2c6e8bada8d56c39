package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestForeignDirectory: nobody's directory is taken for an agent's.
func TestForeignDirectory(t *testing.T) {
	for _, c := range []struct {
		has []string
		ok  bool
	}{
		{nil, true},
		{[]string{"lost+found", ".bashrc"}, true},
		{[]string{"agent.yaml", "notes"}, true},                // the owner's, written before the enrolment
		{[]string{"jobs", "borg", "totals", "lock"}, true},     // an enrolment that did not get far
		{[]string{"enrolling.key", "jobs", "something"}, true}, // or further
		{[]string{"passwd", "ssh"}, false},                     // /etc
		{[]string{"jobs", "Documents"}, false},                 // somebody's home
	} {
		path := t.TempDir()
		for _, name := range c.has {
			if err := os.Mkdir(filepath.Join(path, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		d, err := At(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.RefuseForeign(); (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), "with --state-dir") {
			t.Errorf("%v: %v", c.has, err)
		}
	}
	d, err := At(filepath.Join(t.TempDir(), "not", "there"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.RefuseForeign(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(d.Path()); !os.IsNotExist(err) {
		t.Errorf("it was made: %v", err)
	}
}
