package witness

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/agent/internal/borg"
)

// TestLookOnlyWhereBorgIs: an id that is the controller's word does not lead to
// files elsewhere.
func TestLookOnlyWhereBorgIs(t *testing.T) {
	h := borg.Host{BaseDir: t.TempDir()}
	remember := func(dir string) {
		t.Helper()
		dir = filepath.Join(h.SecurityDir(), dir)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "manifest-timestamp"), []byte("2026-11-26T08:00:00\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	id := strings.Repeat("a", 64)
	remember(id)
	remember("../../elsewhere")
	f, busy, err := Look(h, "ssh://bk@host/./web", id)
	if err != nil || busy || f.Manifest != "2026-11-26T08:00:00" {
		t.Errorf("%+v, %v, %v", f, busy, err)
	}
	for said, want := range map[string]error{
		"../../elsewhere":          errNoID,
		id + "/../../../elsewhere": errNoID,
		strings.ToUpper(id):        errNoID,
		id[1:]:                     errNoID,
		"":                         errUnnamed,
	} {
		if f, _, err := Look(h, "ssh://bk@host/./web", said); !errors.Is(err, want) || f.Manifest != "" {
			t.Errorf("%q: %+v, %v", said, f, err)
		}
	}
}
