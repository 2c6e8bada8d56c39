package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/controller/internal/fleet"
)

// TestUnfinishedRestore: a controller does not start on a part of a restore, and
// adds nothing to it: a new authority there would shut every host out.
func TestUnfinishedRestore(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "restore-unfinished"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Serve(t.Context(), Options{
		DataDir: dir, APIListen: "127.0.0.1:0", AgentListen: "127.0.0.1:0",
		Settings: fleet.DefaultSettings(), Logger: slog.New(slog.DiscardHandler),
		Started: func(Addresses) { t.Error("it started") },
	})
	if err == nil || !strings.Contains(err.Error(), "did not come to its end: remove everything in it, and restore again") {
		t.Errorf("got %v", err)
	}
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("something was made: %v", all)
	}
}
