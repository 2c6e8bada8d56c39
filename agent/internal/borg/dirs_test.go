package borg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKnows(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	id, other := strings.Repeat("a", 64), strings.Repeat("b", 64)
	h := Host{Home: filepath.Join(dir, "h[o]me")}
	write(filepath.Join(h.SecurityDir(), id, "location"), "ssh://bk@Host/./web")
	write(filepath.Join(h.SecurityDir(), other, "location"), filepath.Join(dir, "moved"))
	write(filepath.Join(dir, "here", "config"), "[repository]\nkey = id = x\n\tid = y\nid = "+other+"\n")
	write(filepath.Join(dir, "evil", "config"), "[repository]\nid = ../"+id[3:]+"\n")
	for path, want := range map[string]bool{
		"bk@host:web":              true,
		"ssh://bk@host/web":        false,
		dir + "/here":              true, // at another place than before
		dir + "/moved":             true,
		dir + "/evil":              false,
		dir + "/nothing":           false,
		"/bk@host:web":             false,
		"ssh://bk@host:22/./web//": true,
	} {
		if got := h.Knows(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	h.BaseDir = filepath.Join(dir, "base")
	if h.Knows("bk@host:web") {
		t.Error("the base directory does not count")
	}
}
