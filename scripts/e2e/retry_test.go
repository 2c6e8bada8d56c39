package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
)

// TestARefusedRepositoryIsTriedAgain: a host that was offline refuses what was
// registered meanwhile. Its owner allows it, and a retry sets it up, with the
// passphrase that was given the first time.
func TestARefusedRepositoryIsTriedAgain(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{Controller: []string{"--log-policy", "all"}, Agents: []testenv.Agent{{Name: "host"}}})
	host := env.Hosts["host"]
	fatal(t, host.Stop())
	fatal(t, env.Await("the host is away", func() (bool, error) {
		var v struct{ Online bool }
		err := env.API.Get("/api/agents/host", &v)
		return !v.Online, err
	}))
	dir := t.TempDir()
	path := filepath.Join(dir, "repo")
	r := repository{Name: "r", Path: path, Encryption: "repokey-blake2", Passphrase: "a passphrase of some length", Sources: []string{tree(t, 3)}}
	var got struct {
		ID           int64
		Status       string
		ErrorMessage string `json:"error_message"`
	}
	fatal(t, env.API.Post("/api/repositories", r.body(env), &got))
	fatal(t, host.Start())
	fatal(t, env.Await("the host has refused it", func() (bool, error) {
		err := env.API.Get("/api/repositories/"+itoa(got.ID), &got)
		return got.Status == "failed", err
	}))
	allow := "allow --repository"
	if !strings.Contains(got.ErrorMessage, allow) {
		t.Errorf("the refusal does not name the command: %s", got.ErrorMessage)
	}
	if out, err := env.Controller.CLI("repositories", "show", "r"); err != nil || !strings.Contains(out, "repositories retry "+itoa(got.ID)) {
		t.Errorf("the way out is not shown: %s, %v", out, err)
	}
	if out, err := env.Controller.CLI("repositories", "retry", "r"); err == nil {
		t.Errorf("it was set up without leave: %s", out)
	}
	_, err := host.CLI("allow", "--repository", dir+"/**")
	fatal(t, err)
	out, err := env.Controller.CLI("repositories", "retry", "r")
	fatal(t, err)
	fatal(t, env.Await("it is set up", func() (bool, error) {
		err := env.API.Get("/api/repositories/"+itoa(got.ID), &got)
		return got.Status == "ready", err
	}))
	if j := backup(t, env, path); j.Status != "completed" {
		t.Errorf("%+v, after %s", j, out)
	}
}
