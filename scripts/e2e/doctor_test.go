package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
)

// sick is a check that is not ok.
type sick struct {
	ID, Subject, State, Message string
	Todo                        string `json:"what_to_do"`
}

// doctor gives what a doctor finds that is not ok. Its exit status must tell
// whether something failed.
func doctor(t *testing.T, cli func(...string) (string, error), args ...string) map[string]sick {
	t.Helper()
	out, err := cli(append([]string{"doctor", "-o", "json"}, args...)...)
	var report struct {
		State  string
		Checks []sick
	}
	decode(t, []byte(out), &report)
	if (err != nil) != (report.State == "failed") || err != nil && !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("%s, and it ends with %v", report.State, err)
	}
	found := map[string]sick{}
	for _, c := range report.Checks {
		if c.State != "ok" {
			found[strings.TrimSpace(c.ID+" "+c.Subject)] = c
		}
	}
	return found
}

// ignore takes out what depends on the machine's borg.
func ignore(t *testing.T, found map[string]sick, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if c := found[id]; c.State == "failed" {
			t.Errorf("%+v", c)
		}
		delete(found, id)
	}
}

// TestDoctor: a fleet that is well is said to be. Then one thing after the other
// is broken, and that very thing is named, with what to do.
func TestDoctor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		fatal(t, os.WriteFile(path, []byte(text), mode))
		return path
	}
	ssh := write("fakessh", "#!/bin/sh\nwhile :; do case $1 in -o*) shift;; *) break;; esac; done\nshift\nexec \"$@\"\n", 0o755)
	key := write("id", "not looked into", 0o600)
	borg2 := write("borg2", "#!/bin/sh\necho borg2 2.0.0b25\n", 0o755)
	env := newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{
		Name: "host", Allow: []string{"--allow-repository", "ssh://bk@store.invalid" + dir + "/**"},
		Config: fmt.Sprintf("ssh: {command: [%s], identity_file: %s}\nborg: borg\n", ssh, key),
	}}})
	host := env.Hosts["host"]
	plain := register(t, env, repository{Name: "plain", Sources: []string{tree(t, 3)}})
	register(t, env, repository{Name: "sealed", Sources: []string{tree(t, 3)}, Encryption: "repokey", Passphrase: "of the fleet"})
	register(t, env, repository{Name: "far", Path: "ssh://bk@store.invalid" + dir + "/far", Sources: []string{tree(t, 3)}})
	backup(t, env, "plain")

	well := func() {
		t.Helper()
		found := doctor(t, host.CLI)
		ignore(t, found, "borg")
		if len(found) > 0 {
			t.Errorf("all is well, and yet: %+v", found)
		}
	}
	well()
	found := doctor(t, env.Controller.CLI)
	ignore(t, found, "agent_borg_version host", "initial_password", "recovery_key", "repository sealed", "repository far")
	if len(found) > 0 {
		t.Errorf("all is well, and yet: %+v", found)
	}

	config := filepath.Join(host.StateDir, "agent.yaml")
	for _, c := range []struct {
		name          string
		hurt          func() (heal func())
		id            string
		message, todo string
		too           []string // what it leads to
	}{
		{"borg 2", replaced(t, config, "borg: borg", "borg: "+borg2), "borg", "borg 2.0.0b25 is not supported", "install borg 1.2 or 1.4 beside it",
			[]string{"repository_opens plain", "repository_opens sealed", "repository_opens far"}},
		{"permissions", func() func() {
			fatal(t, os.Chmod(host.StateDir, 0o755))
			return func() { fatal(t, os.Chmod(host.StateDir, 0o700)) }
		}, "state_directory", "mode 0755", "chmod 700 " + host.StateDir, []string{"borg"}},
		{"no identity", moved(t, key), "repository_ssh far", "no such file", "ssh-keygen -t ed25519", []string{"borg"}},
		{"no repository", moved(t, plain), "repository_path plain", "there is no " + plain, "findmnt --target", []string{"borg", "repository_opens plain"}},
		{"no far repository", moved(t, filepath.Join(dir, "far")), "repository_opens far", "far", "mounted on the server", []string{"borg"}},
		{"the link is cut", func() func() { env.Proxy.Cut(); return env.Proxy.Restore }, "controller", "cannot be reached", "curl -vk https://" + env.Proxy.Addr(),
			[]string{"borg", "agent_running", "clock"}},
	} {
		heal := c.hurt()
		found := doctor(t, host.CLI)
		got := found[c.id]
		if got.State != "failed" || !strings.Contains(got.Message, c.message) || !strings.Contains(got.Todo, c.todo) {
			t.Errorf("%s: %+v", c.name, got)
		}
		delete(found, c.id)
		for _, id := range c.too {
			delete(found, id)
		}
		if len(found) > 0 {
			t.Errorf("%s is all that is wrong, and yet: %+v", c.name, found)
		}
		heal()
	}
	fatal(t, env.Await("the link is back", func() (bool, error) {
		_, online := expiry(t, env)
		return online, nil
	}))
	well()
}

// moved takes a file away.
func moved(t *testing.T, path string) func() func() {
	return func() func() {
		fatal(t, os.Rename(path, path+".away"))
		return func() { fatal(t, os.Rename(path+".away", path)) }
	}
}

// replaced changes a file's text.
func replaced(t *testing.T, path, old, new string) func() func() {
	return func() func() {
		data, err := os.ReadFile(path)
		fatal(t, err)
		if !strings.Contains(string(data), old) {
			t.Fatalf("no %q in\n%s", old, data)
		}
		fatal(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(data), old, new)), 0o600))
		return func() { fatal(t, os.WriteFile(path, data, 0o600)) }
	}
}

// TestDoctorAlone: what there is to see when the programs themselves are away,
// and a host whose own passphrase is the wrong one.
func TestDoctorAlone(t *testing.T) {
	t.Parallel()
	pass := filepath.Join(t.TempDir(), "pass")
	fatal(t, os.WriteFile(pass, []byte("of this host\n"), 0o600))
	env := newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{
		Name: "host", Config: fmt.Sprintf("repositories: [{location: '/**', passphrase_file: %s}]\n", pass),
	}}})
	host := env.Hosts["host"]
	register(t, env, repository{Name: "own", Sources: []string{tree(t, 3)}, Encryption: "repokey", Passphrase: "of the fleet, and not used"})
	fatal(t, env.Controller.Stop())
	fatal(t, host.Stop())
	found := doctor(t, host.CLI, "own")
	ignore(t, found, "borg", "clock")
	for id, todo := range map[string]string{"agent_running": "borgfleet-agent run --state-dir " + host.StateDir, "controller": "borgfleet-controller doctor"} {
		if got := found[id]; got.State != "failed" || !strings.Contains(got.Todo, todo) {
			t.Errorf("%s: %+v", id, got)
		}
		delete(found, id)
	}
	if len(found) > 0 {
		t.Errorf("the repository is well, and yet: %+v", found)
	}
	fatal(t, os.WriteFile(pass, []byte("a staple\n"), 0o600))
	got := doctor(t, host.CLI, "own")["repository_opens own"]
	if got.State != "failed" || !strings.Contains(got.Message, "passphrase given for this repository is wrong") || !strings.Contains(got.Todo, "into "+pass) {
		t.Errorf("%+v", got)
	}
	if text, err := json.Marshal(got); err != nil || strings.Contains(string(text), "staple") {
		t.Errorf("%s, %v", text, err)
	}

	found = doctor(t, env.Controller.CLI)
	if got := found["controller"]; got.State != "failed" || !strings.Contains(got.Message, "not running") || !strings.Contains(got.Todo, "serve --data-dir "+env.Controller.DataDir) {
		t.Errorf("%+v", got)
	}
	for _, id := range []string{"rest_listener", "agent_listener", "agent_url"} {
		if found[id].State != "skipped" {
			t.Errorf("%s: %+v", id, found[id])
		}
	}
	if got, sick := found["authority"]; sick {
		t.Errorf("%+v", got)
	}
}
