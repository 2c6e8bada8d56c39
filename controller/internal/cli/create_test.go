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
				"First use of the key of web1, "+id.Fingerprint()+": compare it (enroll showed it on that host). It is remembered in "+os.Getenv("XDG_CONFIG_HOME")+"/borgfleet/known-keys.json, and another one will be refused.\n"+
					"First use of the fleet's recovery key, "+recovery.Fingerprint()+": compare it (its private half is with you: age-keygen -y gives its public half, which borgfleet-controller fleet recovery-key show has with the fingerprint). It is remembered in "+os.Getenv("XDG_CONFIG_HOME")+"/borgfleet/known-keys.json, and another one will be refused.\n"+
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

// TestAnotherAgentKeyThanWasKnown: a controller that was taken over names keys of
// its own, for new passphrases and for those that are changed. Nothing is sealed
// to them, until a person says so.
func TestAnotherAgentKeyThanWasKnown(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	ids := make([]*seal.Identity, 4)
	for n := range ids {
		id, err := seal.NewIdentity()
		must(t, err)
		ids[n] = id
	}
	id, recovery, thief, rescue := ids[0], ids[1], ids[2], ids[3]
	f := newFake(t, nil)
	names := func(agent, fleet string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		web := rest.Agent{ID: "a1", Name: "web1", AgeRecipient: ptr(agent)}
		made := rest.Repository{ID: 4, Name: "web", Path: "/r", Agent: "web1", AgentID: "a1", Status: "ready"}
		f.answers = map[string][]answer{
			"GET /api/agents/web1": ok(web), "GET /api/agents/a1": ok(web), "GET /api/fleet/recovery-key": ok(rest.RecoveryKey{Recipient: fleet}),
			"POST /api/repositories": ok(made), "POST /api/repositories/import": ok(made), "PUT /api/repositories/4": ok(made),
			"GET /api/repositories": ok(rest.RepositoryList{Repositories: []rest.Repository{made}}),
		}
		f.asked = nil
	}
	for what, args := range map[string][]string{
		"create": {"repositories", "create", "web", "/r", "--encryption", "repokey", "--source", "/etc", "--agent", "web1", "-o", "json"},
		"import": {"repositories", "import", "web", "/r", "--agent", "web1"},
		"update": {"repositories", "update", "web"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Setenv("XDG_CONFIG_HOME", t.TempDir())
			try := func(what string, code int, words []string, more ...string) {
				t.Helper()
				r := f.command(phrase+"\n", append(append(args, "--passphrase-file", "-"), more...)...)
				sent := false
				for _, asked := range f.heard() {
					sent = sent || strings.HasPrefix(asked, "P")
				}
				if r.code != code || sent != (code == 0) || strings.Contains(r.out, "First use") {
					t.Errorf("%s: sent %v, %+v", what, sent, r)
				}
				for _, w := range words {
					if !strings.Contains(r.err, w) {
						t.Errorf("%s: does not say %q: %s", what, w, r.err)
					}
				}
				if len(words) == 0 && strings.Contains(r.err, "First use") {
					t.Errorf("%s: %s", what, r.err)
				}
			}
			names(id.Recipient(), recovery.Recipient())
			try("first", 0, []string{"First use of the key of web1, " + id.Fingerprint(), "First use of the fleet's recovery key, " + recovery.Fingerprint()})
			names(id.Recipient(), recovery.Recipient())
			try("again", 0, nil)
			names(thief.Recipient(), recovery.Recipient())
			try("another key", 1, []string{"nothing was sealed", id.Fingerprint(), thief.Fingerprint(), "--agent-key"})
			try("not the one that was meant", 1, []string{"nothing was sealed", thief.Fingerprint()}, "--agent-key", id.Fingerprint())
			names(id.Recipient(), thief.Recipient())
			try("another recovery key", 1, []string{"nothing was sealed", recovery.Fingerprint(), "--recovery-key"})
			names(rescue.Recipient(), recovery.Recipient())
			try("meant", 0, nil, "--agent-key", rescue.Fingerprint())
			names(rescue.Recipient(), recovery.Recipient())
			try("and remembered", 0, nil)
			names(rescue.Recipient(), thief.Recipient())
			try("a recovery key that is meant", 0, nil, "--recovery-key", thief.Recipient())
		})
	}
}

// TestKeysThatCannotBeRemembered: it is said, and what a person gives still counts.
func TestKeysThatCannotBeRemembered(t *testing.T) {
	config := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(config, nil, 0o600))
	t.Setenv("XDG_CONFIG_HOME", config)
	id, err := seal.NewIdentity()
	must(t, err)
	f := newFake(t, map[string][]answer{
		"GET /api/agents/web1":   ok(rest.Agent{ID: "a1", Name: "web1", AgeRecipient: ptr(id.Recipient())}),
		"POST /api/repositories": ok(rest.Repository{ID: 4, Status: "ready"}), "GET /api/fleet/recovery-key": ok(rest.RecoveryKey{Recipient: id.Recipient()}),
	})
	args := []string{"repositories", "create", "web", "/r", "--encryption", "repokey", "--source", "/etc", "--agent", "web1", "--passphrase-file", "-"}
	if r := f.command(phrase+"\n", append(args, "--agent-key", id.Fingerprint(), "--recovery-key", id.Recipient())...); r.code != 0 || strings.Count(r.err, "cannot be remembered") != 2 {
		t.Errorf("%+v", r)
	}
}

// TestWhoReplacesTheRecoveryKeyKnowsIt.
func TestWhoReplacesTheRecoveryKeyKnowsIt(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	id, err := seal.NewIdentity()
	must(t, err)
	next, err := seal.NewIdentity()
	must(t, err)
	f := newFake(t, map[string][]answer{
		"GET /api/agents/web1":        ok(rest.Agent{ID: "a1", Name: "web1", AgeRecipient: ptr(id.Recipient())}),
		"POST /api/repositories":      ok(rest.Repository{ID: 4, Status: "ready"}),
		"GET /api/fleet/recovery-key": ok(rest.RecoveryKey{Recipient: id.Recipient()}, rest.RecoveryKey{Recipient: next.Recipient()}),
		"PUT /api/fleet/recovery-key": ok(rest.RecoveryKey{Recipient: next.Recipient()}),
	})
	create := []string{"repositories", "create", "web", "/r", "--encryption", "repokey", "--source", "/etc", "--agent", "web1", "--passphrase-file", "-"}
	if r := f.command(phrase+"\n", create...); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	if r := f.command("", "fleet", "recovery-key", "replace", "--public", next.Recipient(), "--yes"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	if r := f.command(phrase+"\n", create...); r.code != 0 || strings.Contains(r.err, "First use") {
		t.Errorf("%+v", r)
	}
}

// TestKeyForm: a pin that can be none is refused, also where nothing is sealed.
func TestKeyForm(t *testing.T) {
	f := newFake(t, map[string][]answer{"POST /api/repositories/import": ok(rest.Repository{ID: 4, Status: "ready"})})
	id, err := seal.NewIdentity()
	must(t, err)
	for given, code := range map[string]int{
		"foo": 2, "1234-5678": 2, "AGE-SECRET-KEY-1ABC": 2, id.Fingerprint() + "0": 2,
		id.Fingerprint(): 0, strings.ToUpper(id.Fingerprint()): 0, id.Recipient(): 0,
	} {
		for _, option := range []string{"agent-key", "recovery-key"} {
			r := f.command("", "repositories", "import", "web", "/r", "--agent", "web1", "--"+option, given)
			if r.code != code || code == 2 && (!strings.Contains(r.err, "--"+option+": this is") || strings.Contains(r.err, "1ABC")) {
				t.Errorf("%s %s: %+v", option, given, r)
			}
		}
	}
}
