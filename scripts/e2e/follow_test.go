package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"borgfleet/scripts/testenv"
)

// watcher is a client command that goes on.
type watcher struct {
	cmd    *exec.Cmd
	ended  chan error
	mu     sync.Mutex // guards out
	out    bytes.Buffer
	cancel context.CancelFunc
}

func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

func (w *watcher) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.String()
}

// watching starts a client command of the controller's program. It is ended
// with the test.
func watching(t *testing.T, env *testenv.Env, args ...string) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &watcher{cmd: exec.CommandContext(ctx, filepath.Join(programs, "borgfleet-controller"), args...), ended: make(chan error, 1), cancel: cancel}
	w.cmd.Env = append(os.Environ(), "BORGFLEET_DATA_DIR="+env.Controller.DataDir)
	w.cmd.Stdout, w.cmd.Stderr = w, w
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { w.ended <- w.cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		if t.Failed() {
			t.Logf("%v:\n%s", args, w)
		}
	})
	return w
}

func (w *watcher) await(t *testing.T, env *testenv.Env, text string) {
	t.Helper()
	if err := env.Await(fmt.Sprintf("%v says %q", w.cmd.Args[1:], text), func() (bool, error) { return strings.Contains(w.String(), text), nil }); err != nil {
		t.Fatal(err)
	}
}

// TestFollowThroughRestarts: what people watch goes on when the controller is
// killed and started again in the middle, and says nothing twice.
func TestFollowThroughRestarts(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	slow := fmt.Sprintf(`for a; do [ "$a" = create ] && { echo '{"type":"log_message","time":1,"message":"first words","levelname":"INFO","name":"borg"}' >&2
  while [ ! -e %q ]; do sleep 0.05; done; break; }; done
exec "$BORG" "$@"
`, gate)
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "host", Env: borgScript(t, slow)}},
	})
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, 200)}, FileLog: "all"})
	fleet := watching(t, env, "fleet", "watch")
	fleet.await(t, env, "host host: online")
	id := start(t, env, repo)
	follow, logs := watching(t, env, "jobs", "follow", itoa(id)), watching(t, env, "jobs", "logs", "-f", itoa(id))
	logs.await(t, env, "first words")
	follow.await(t, env, "running")
	fleet.await(t, env, fmt.Sprintf("job %d: backup of %s on host: running\n", id, repo))

	if err := env.Controller.Kill(); err != nil {
		t.Fatal(err)
	}
	fleet.await(t, env, "No answer since")
	if err := env.Controller.Start(); err != nil {
		t.Fatal(err)
	}
	fleet.await(t, env, "The controller answers again.")
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	if err := <-follow.ended; err != nil || !strings.Contains(follow.String(), fmt.Sprintf("\nJob %d completed after ", id)) {
		t.Errorf("jobs follow: %v", err)
	}
	if err := <-logs.ended; err != nil {
		t.Errorf("jobs logs -f: %v", err)
	}
	lines, err := env.API.Lines(id)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, l := range lines {
		want = append(want, l.Content)
	}
	if got := strings.Split(strings.TrimSpace(logs.String()), "\n"); len(want) < 200 || !slices.Equal(got, want) {
		t.Errorf("%d lines were shown, and there are %d", len(got), len(want))
	}
	fleet.await(t, env, fmt.Sprintf("job %d: backup of %s on host: completed: 200 files", id, repo))
	if err := fleet.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-fleet.ended
	if code := fleet.cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("fleet watch ended with %d", code)
	}
}
