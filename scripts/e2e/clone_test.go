package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAWholeCloneIsRefused: a copy of a host, machine-id and all, cannot notice
// that it is one. The first one goes on, also through restarts, and both sides
// are told what to do.
func TestAWholeCloneIsRefused(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	host := env.Hosts["host"]
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, 3)}})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(host.Stop())
	copied := *host
	copied.StateDir = filepath.Join(t.TempDir(), "copy")
	if out, err := exec.Command("cp", "-a", host.StateDir, copied.StateDir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	must(host.Start())
	must(env.AwaitOnline("host"))
	must(copied.Start())
	t.Cleanup(func() { _ = copied.Stop() })

	type agent struct {
		Online  bool
		Problem string
	}
	shown := func(what string, want func(agent) bool) {
		t.Helper()
		must(env.Await(what, func() (bool, error) {
			var v agent
			err := env.API.Get("/api/agents/host", &v)
			return want(v), err
		}))
	}
	shown("the copy is shown as the agent's problem", func(v agent) bool {
		return v.Online && strings.Contains(v.Problem, "on the same machine") && strings.Contains(v.Problem, "borgfleet-agent enroll")
	})
	must(env.Await("the copy says what to do", func() (bool, error) {
		out, err := copied.CLI("status")
		return strings.Contains(out, "borgfleet-agent enroll"), err
	}))

	for what, end := range map[string]func() error{"stopped": host.Stop, "killed": host.Kill, "aborted": func() error {
		if err := host.Signal(syscall.SIGABRT); err != nil {
			return err
		}
		_, err := host.Ended()
		return err
	}} {
		must(end())
		must(host.Start())
		shown("it is back after it was "+what, func(v agent) bool { return v.Online })
		if j := backup(t, env, repo); j.Status != "completed" {
			t.Errorf("after it was %s: %s, %s", what, j.Status, j.ErrorMessage)
		}
	}
}
