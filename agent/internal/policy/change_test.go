package policy

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// TestChangesDoNotUndoEachOther, also where agent.yaml is a link.
func TestChangesDoNotUndoEachOther(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "agent.yaml"), filepath.Join(t.TempDir(), "link.yaml")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := Default().Save(file); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			err := Change([]string{file, link}[i%2], func(c *Config) error { return c.Allow.AddSource("/s" + strconv.Itoa(i)) })
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(c.Allow.Sources)
	if n := len(slices.Compact(c.Allow.Sources)); n != 20 {
		t.Errorf("%d of 20 changes are left: %v", n, c.Allow.Sources)
	}
}

// TestChangeRefused leaves the file as it was, and the lock free.
func TestChangeRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "agent.yaml")
	no := errors.New("no")
	if err := Change(file, func(*Config) error { return no }); !errors.Is(err, no) {
		t.Error(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("it was written all the same")
	}
	if err := Change(file, func(c *Config) error { return c.Allow.AddSource("/x") }); err != nil {
		t.Error(err)
	}
}
