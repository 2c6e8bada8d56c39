package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
	"borgfleet/shared/seal"
	"borgfleet/shared/term/ptytest"
)

// fleetKey is the public half of the fleet's recovery key.
func fleetKey(t *testing.T, env *testenv.Env) string {
	t.Helper()
	var key struct{ Recipient string }
	fatal(t, env.API.Get("/api/fleet/recovery-key", &key))
	return key.Recipient
}

// TestRecoveryKeyOfTheFirstStart: its private half is in a closed file and
// nowhere else, and a later start makes no other.
func TestRecoveryKeyOfTheFirstStart(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{})
	file := filepath.Join(env.Controller.DataDir, "initial-recovery-key")
	id, err := seal.LoadIdentity(file) // refuses one that others could read
	fatal(t, err)
	first := fleetKey(t, env)
	if id.Recipient() != first {
		t.Errorf("the file holds the private half of %s, and the fleet's is %s", id.Recipient(), first)
	}
	if out := env.Controller.Output(); strings.Contains(out, "AGE-SECRET-KEY") || !strings.Contains(out, file) {
		t.Errorf("it printed:\n%s", out)
	}
	fatal(t, os.Remove(file))
	fatal(t, env.Controller.Stop())
	fatal(t, env.Controller.Start())
	if again := fleetKey(t, env); again != first {
		t.Errorf("after a restart it is %s, not %s", again, first)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the private half has come back: %v", err)
	}
}

// TestRecoveryKeyIsShownOnATerminal: to the person who looks at it, and it is in
// no file then.
func TestRecoveryKeyIsShownOnATerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := func() (shown string, end func()) {
		t.Helper()
		pty := ptytest.New(t, 120, 40)
		cmd := exec.Command(filepath.Join(programs, "borgfleet-controller"), "serve", "--data-dir", dir,
			"--api-listen", "127.0.0.1:0", "--agent-listen", "127.0.0.1:0", "--agent-url", "https://localhost:1")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8"}
		cmd.Stdout = pty.Tty
		fatal(t, cmd.Start())
		return pty.WaitFor("Next:"), func() {
			fatal(t, cmd.Process.Signal(os.Interrupt))
			fatal(t, cmd.Wait())
		}
	}
	shown, end := start()
	at := strings.Index(shown, "AGE-SECRET-KEY-1")
	if at < 0 || !strings.Contains(shown, "It is shown once") {
		t.Fatalf("the screen shows\n%s", shown)
	}
	id, err := seal.ParseIdentity([]byte(strings.Fields(shown[at:])[0]))
	fatal(t, err)
	if !strings.Contains(shown, id.Recipient()) {
		t.Errorf("it shows another public half\n%s", shown)
	}
	end()
	s := &secrets{}
	s.addForm("the recovery key", []byte(strings.Fields(shown[at:])[0]))
	if n := s.below(t, dir); n == 0 {
		t.Error("nothing was looked at")
	}
	again, end := start()
	if strings.Contains(again, "AGE-SECRET-KEY") {
		t.Errorf("a second start shows\n%s", again)
	}
	end()
}

// TestRecoveryKeyIsPinned: a controller that names another recovery key is not
// obeyed before the host's owner says so, and both sides show it.
func TestRecoveryKeyIsPinned(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "host"}}})
	host, first := env.Hosts["host"], fleetKey(t, env)
	type agent struct {
		Recipient *string `json:"recovery_recipient"`
		Accepted  bool    `json:"recovery_accepted"`
		Problem   *string
	}
	shown := func(what, recipient string, accepted bool) {
		t.Helper()
		fatal(t, env.Await("controller: "+what, func() (bool, error) {
			var a agent
			err := env.API.Get("/api/agents/host", &a)
			return a.Recipient != nil && *a.Recipient == recipient && a.Accepted == accepted && (a.Problem == nil) == accepted, err
		}))
	}
	onHost := func(what, pinned, named string) {
		t.Helper()
		fatal(t, env.Await("host: "+what, func() (bool, error) {
			out, err := host.CLI("status", "-o", "json")
			if err != nil {
				return false, err
			}
			var st struct {
				Pinned string `json:"recovery_key"`
				Named  string `json:"fleet_recovery_key"`
			}
			err = json.Unmarshal([]byte(out), &st)
			return st.Pinned == pinned && st.Named == named, err
		}))
	}
	shown("as enrolled", first, true)
	onHost("as enrolled", first, first)

	thief, err := seal.NewIdentity()
	fatal(t, err)
	fatal(t, env.API.Do(http.MethodPut, "/api/fleet/recovery-key", map[string]string{"recipient": thief.Recipient()}, nil))
	onHost("another one named", first, thief.Recipient())
	shown("refused", first, false)
	fatal(t, host.Stop())
	fatal(t, host.Start())
	onHost("after a restart", first, thief.Recipient())
	shown("refused after a restart", first, false)
	out, err := host.CLI("status")
	if err != nil || !strings.Contains(out, "which does not count here") || !strings.Contains(out, "borgfleet-agent allow --recovery-key "+thief.Recipient()) {
		t.Errorf("the host says %v\n%s", err, out)
	}

	_, err = host.CLI("allow", "--recovery-key", thief.Recipient())
	fatal(t, err)
	onHost("accepted", thief.Recipient(), thief.Recipient())
	shown("accepted", thief.Recipient(), true)
}
