package server

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

// TestPartsThatHang in a store that has failed do not keep the controller.
func TestPartsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone, over := errors.New("gone"), make(chan struct{})
		failed := make(chan error, 1)
		failed <- gone
		began := time.Now()
		if err := await(func() error { <-over; return nil }, failed); !errors.Is(err, gone) || time.Since(began) > 2*stopTime {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		close(over)
	})
}
