package store

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnEmptyMemtableIsNoEndOfTheStore: a power cut between the creation of a
// memtable and its size leaves one, and Badger does not open the store then.
func TestAnEmptyMemtableIsNoEndOfTheStore(t *testing.T) {
	s := open(t, t.TempDir())
	addJob(t, s, "a1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(s.dir.data(), "00042.mem")
	if err := os.WriteFile(table, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	opt := testOptions()
	opt.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s, err := Open(s.dir.path, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !strings.Contains(log.String(), table) {
		t.Errorf("the log does not name what was removed: %s", log.String())
	}
	addJob(t, s, "a1")
	if n := s.Count(); n != 2 {
		t.Errorf("%d jobs are there, want the one from before and a new one", n)
	}
}

// TestMemtablesWithContentsStay: what a killed controller left in a memtable is
// what it had acknowledged.
func TestMemtablesWithContentsStay(t *testing.T) {
	d := &dir{path: t.TempDir()}
	if err := os.Mkdir(d.data(), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"00001.mem": "x", "00002.mem": "", "000003.sst": "", "MANIFEST": ""} {
		if err := os.WriteFile(filepath.Join(d.data(), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.removeEmptyMemtables(slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(d.data())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "000003.sst 00001.mem MANIFEST" {
		t.Errorf("left are %s", got)
	}
}
