package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
)

const phrase = "correct horse"

func TestCreateSealsThePassphrase(t *testing.T) {
	id, err := seal.NewIdentity()
	must(t, err)
	recovery, err := seal.NewIdentity()
	must(t, err)
	agent := rest.Agent{ID: "a1", Name: "web1", AgeRecipient: ptr(id.Recipient())}
	made := rest.Repository{ID: 4, Name: "web", Path: "bk@Host:web", Agent: "web1", Status: "ready"}
	for name, args := range map[string][]string{"named": {"--agent", "web1"}, "the only one": nil} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, map[string][]answer{
				"GET /api/agents": ok(rest.AgentList{Agents: []rest.Agent{agent}}), "GET /api/agents/web1": ok(agent),
				"POST /api/repositories": ok(made), "GET /api/fleet/recovery-key": ok(rest.RecoveryKey{Recipient: recovery.Recipient()}),
			})
			r := f.command(phrase+"\n", append([]string{"repositories", "create", "web", "bk@Host:web", "--encryption", "repokey-blake2",
				"--passphrase-file", "-", "--source", "/etc", "--source", "/srv,x", "--exclude", "*.tmp", "--lock-wait", "5m", "--one-file-system"}, args...)...)
			r.want(t, 0, "Repository  web (id 4)\nPath        bk@Host:web\nAgent       web1\nStatus      ready\n\nTo back up now: borgfleet-controller jobs start 4 --follow\n",
				"The passphrase is sealed to web1, key "+id.Fingerprint()+" (enroll showed it on that host), and to the fleet's recovery key, "+recovery.Fingerprint()+".\n")
			asked := f.heard()
			sent, ok := strings.CutPrefix(asked[len(asked)-1], "POST /api/repositories ")
			if !ok || strings.Contains(sent, phrase) {
				t.Fatalf("asked %q", asked)
			}
			var req rest.RepositoryRequest
			must(t, json.Unmarshal([]byte(sent), &req))
			open, err := seal.Open(id, "a1", job.Location("bk@Host:web", "a1"), req.PassphraseSealed)
			if err != nil || string(open) != phrase {
				t.Errorf("the agent finds %q, %v", open, err)
			}
			if open, err := seal.Open(recovery, "a1", job.Location("bk@Host:web", "a1"), req.PassphraseSealed); err != nil || string(open) != phrase {
				t.Errorf("the recovery key opens %q, %v", open, err)
			}
			if req.Agent != "a1" || len(req.SourceDirectories) != 2 || req.SourceDirectories[1] != "/srv,x" || req.LockWait != 300 || !req.OneFileSystem || req.Passphrase != "" {
				t.Errorf("asked for %+v", req)
			}
		})
	}
}

func TestCreateWithoutPassphrase(t *testing.T) {
	f := newFake(t, map[string][]answer{"POST /api/repositories": {{201, rest.Repository{ID: 4, Name: "web", Path: "/r", Agent: "web1", Status: "pending", AlreadyExisted: true}}}})
	f.command("", "repositories", "create", "web", "/r", "--encryption", "none", "--source", "/etc").want(t, 0,
		"Repository  web (id 4)\nPath        /r\nAgent       web1\nStatus      pending\nNote        a borg repository was there already; it is used as it is\n"+
			"\nThe agent has not made it yet (offline, or slow storage): see borgfleet-controller repositories list\n", "")
	if got, want := f.heard()[0], `POST /api/repositories {"name":"web","path":"/r","encryption":"none","source_directories":["/etc"]}`; got != want {
		t.Errorf("asked %s", got)
	}
}

func TestCreateRefused(t *testing.T) {
	f := newFake(t, map[string][]answer{
		"POST /api/repositories": {{422, rest.Problem{Status: 422, Detail: "borg: permission denied\x1b[1m"}}},
		"GET /api/agents":        ok(rest.AgentList{Agents: []rest.Agent{{ID: "a1", Name: "web1"}, {ID: "a2", Name: "web2"}}}),
		"GET /api/repositories":  ok(rest.RepositoryList{Repositories: []rest.Repository{{ID: 4, Name: "web", Path: "/r"}}}),
	})
	base := []string{"repositories", "create", "web", "/r", "--encryption", "repokey", "--source", "/etc"}
	f.command("", base...).want(t, 1, "", "borgfleet-controller: borg: permission denied\\x1b[1m\n")
	for name, c := range map[string]struct {
		stdin string
		args  []string
		want  string
	}{
		"several agents": {phrase, append(base, "--passphrase-file", "-"), "this fleet has 2 agents: say with --agent which one is to use the repository: web1, web2"},
		"two lines":      {phrase + "\nmore\n", append(base, "--passphrase-file", "-"), "a passphrase is one line"},
		"empty":          {"\n", append(base, "--passphrase-file", "-"), "the passphrase is empty"},
		"no file":        {"", append(base, "--passphrase-file", "/nonexistent"), "read passphrase: open /nonexistent"},
		"none":           {phrase, []string{"repositories", "create", "web", "/r", "--encryption", "none", "--source", "/etc", "--passphrase-file", "-"}, "has no passphrase"},
		"no encryption":  {"", []string{"repositories", "create", "web", "/r", "--source", "/etc"}, "--encryption is missing"},
		"no source":      {"", []string{"repositories", "create", "web", "/r", "--encryption", "none"}, "--source is missing"},
		"no path":        {"", []string{"repositories", "create", "web"}, "PATH is missing"},
		"too many":       {"", append(base, "x"), `"x" is one argument too many`},
		"lock wait":      {"", append(base, "--lock-wait", "1.5s"), "--lock-wait"},
		"update":         {"", []string{"repositories", "update", "web", "--lock-wait", "1500ms"}, "whole seconds"},
	} {
		r := f.command(c.stdin, c.args...)
		if r.code != 2 || r.out != "" || !strings.Contains(r.err, c.want) || strings.Contains(r.err, phrase) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestPassphraseFileThatOthersRead(t *testing.T) {
	id, err := seal.NewIdentity()
	must(t, err)
	f := newFake(t, map[string][]answer{
		"GET /api/agents/web1":   ok(rest.Agent{ID: "a1", Name: "web1", AgeRecipient: ptr(id.Recipient())}),
		"POST /api/repositories": ok(rest.Repository{ID: 4, Status: "ready"}), "GET /api/fleet/recovery-key": ok(rest.RecoveryKey{Recipient: id.Recipient()}),
	})
	file := filepath.Join(t.TempDir(), "phrase")
	must(t, os.WriteFile(file, []byte(phrase), 0o644))
	r := f.command("", "repositories", "create", "web", "/r", "--encryption", "repokey", "--source", "/etc", "--agent", "web1", "--passphrase-file", file)
	if r.code != 0 || !strings.Contains(r.err, "warning: other accounts can read "+file) {
		t.Errorf("%+v", r)
	}
}

// TestAnotherRecoveryKeyThanWasMeant: nothing leaves the terminal sealed to it.
func TestAnotherRecoveryKeyThanWasMeant(t *testing.T) {
	id, err := seal.NewIdentity()
	must(t, err)
	thief, err := seal.NewIdentity()
	must(t, err)
	f := newFake(t, map[string][]answer{
		"GET /api/agents/web1":        ok(rest.Agent{ID: "a1", Name: "web1", AgeRecipient: ptr(id.Recipient())}),
		"GET /api/fleet/recovery-key": ok(rest.RecoveryKey{Recipient: thief.Recipient()}),
	})
	r := f.command(phrase+"\n", "repositories", "create", "web", "/r", "--encryption", "repokey", "--source", "/etc", "--agent", "web1", "--passphrase-file", "-", "--recovery-key", id.Recipient())
	if r.code != 1 || !strings.Contains(r.err, "nothing was sealed") || !strings.Contains(r.err, thief.Fingerprint()) {
		t.Errorf("%+v", r)
	}
	for _, asked := range f.heard() {
		if strings.HasPrefix(asked, "POST") {
			t.Errorf("asked %s", asked)
		}
	}
}
