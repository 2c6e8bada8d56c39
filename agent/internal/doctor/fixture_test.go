package doctor

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/checkup"
	"borgfleet/shared/job"
)

// TestMain shows times in one zone, wherever the tests run.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// enrolled is a host whose state directory is new and whose configuration says
// nothing but what change does.
func enrolled(t *testing.T, change func(*policy.Config)) *host {
	t.Helper()
	dir, err := state.At(filepath.Join(t.TempDir(), "state"))
	must(t, err)
	must(t, dir.Create())
	must(t, dir.SaveIdentity(state.Identity{AgentID: "a1", Name: "web1", FleetID: "f1", MachineID: "m1", ControllerURL: "https://controller:5443"}))
	conf := policy.Default()
	if change != nil {
		change(&conf)
	}
	must(t, conf.Save(dir.Config()))
	return look(t.Context(), Options{
		State: dir, Now: now, UID: os.Geteuid(),
		MachineID: func() (string, error) { return "m1", nil },
		Proxy:     func(*http.Request) (*url.URL, error) { return nil, nil },
	})
}

// on is a repository of the host.
func (h *host) on(t *testing.T, def job.Repository) *repository {
	t.Helper()
	place, err := borg.ParseLocation(def.Path)
	must(t, err)
	r := &repository{host: h, Repository: def, place: place}
	r.secret = func() secret { return r.openSecret(t.Context()) }
	r.way = func() checkup.Finding { return checkup.Good("") }
	return r
}

// want compares a finding with a state, and parts of what it says and advises.
func want(t *testing.T, what string, f checkup.Finding, state checkup.State, message, todo string) {
	t.Helper()
	if f.State != state || !strings.Contains(f.Message, message) || !strings.Contains(f.Todo, todo) {
		t.Errorf("%s: %s %q -> %q, want %s %q -> %q", what, f.State, f.Message, f.Todo, state, message, todo)
	}
	if (state == checkup.Warn || state == checkup.Fail) && f.Todo == "" {
		t.Errorf("%s: nothing is said of what to do about %q", what, f.Message)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
