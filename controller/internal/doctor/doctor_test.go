package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"borgfleet/certs"
	"borgfleet/controller/internal/addresses"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/checkup"
)

// TestMain shows times in one zone, wherever the tests run.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

const day = 24 * time.Hour

func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func ptr[T any](v T) *T { return &v }

// fleet answers for a controller.
type fleet struct {
	away    error
	ready   error
	agents  []rest.Agent
	repos   []rest.Repository
	waiting []rest.Job
	done    []rest.Job // of any repository
	asked   []client.JobFilter

	channels  []rest.Channel
	rules     []rest.Rule
	schedules []rest.Schedule
}

func (f *fleet) Ready(context.Context) error { return f.ready }
func (f *fleet) Service(context.Context) (rest.Service, error) {
	return rest.Service{Version: "1.2.0"}, f.away
}
func (f *fleet) Agents(context.Context) ([]rest.Agent, error)            { return f.agents, nil }
func (f *fleet) Repositories(context.Context) ([]rest.Repository, error) { return f.repos, nil }
func (f *fleet) Channels(context.Context) ([]rest.Channel, error)        { return f.channels, nil }
func (f *fleet) Rules(context.Context) ([]rest.Rule, error)              { return f.rules, nil }
func (f *fleet) Schedules(context.Context) ([]rest.Schedule, error)      { return f.schedules, nil }
func (f *fleet) Jobs(_ context.Context, filter client.JobFilter) (rest.JobList, error) {
	f.asked = append(f.asked, filter)
	if filter.Statuses[0] == "pending" {
		return rest.JobList{Jobs: f.waiting}, nil
	}
	return rest.JobList{Jobs: f.done}, nil
}

// findings are what the checks of one id found, by subject.
func findings(t *testing.T, o Options, id string) map[string]checkup.Finding {
	t.Helper()
	o.Now, o.UID = now, os.Geteuid()
	if o.Away == nil {
		o.Away = func(err error) error { return fmt.Errorf("explained: %w", err) }
	}
	out := map[string]checkup.Finding{}
	for _, c := range Checks(t.Context(), o) {
		if c.ID == id {
			out[c.Subject] = c.Run(t.Context())
		}
	}
	return out
}

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

// sound is an agent that nobody needs to look at.
func sound() rest.Agent {
	return rest.Agent{
		ID: "a1", Name: "web1", Online: true, LastContactAt: rest.At(now()), Version: ptr("1.2.0"),
		Borg: []rest.Borg{{Path: "/usr/bin/borg", Version: ptr("1.4.5")}}, CertificateExpiresAt: rest.At(now().Add(20 * day)),
	}
}

func TestAgents(t *testing.T) {
	if got := append(Troubles(sound(), now()), Upgrades(sound(), "1.2.0")...); len(got) > 0 {
		t.Errorf("a sound one: %+v", got)
	}
	for name, c := range map[string]struct {
		change        func(*rest.Agent)
		id            string
		state         checkup.State
		message, todo string
	}{
		"offline":    {func(a *rest.Agent) { a.Online, a.LastContactAt = false, rest.At(now().Add(-time.Hour)) }, "agent_offline", checkup.Warn, "1h 00m ago", "borgfleet-agent status"},
		"never":      {func(a *rest.Agent) { a.Online, a.LastContactAt = false, nil }, "agent_offline", checkup.Warn, "never connected", "borgfleet-agent run"},
		"overdue":    {func(a *rest.Agent) { a.CertificateExpiresAt = rest.At(now().Add(2 * day)) }, "agent_certificate", checkup.Warn, "ends in 2d", "borgfleet-agent doctor"},
		"expired":    {func(a *rest.Agent) { a.CertificateExpiresAt = rest.At(now().Add(-day)) }, "agent_certificate", checkup.Fail, "expired", "borgfleet-agent run"},
		"clock":      {func(a *rest.Agent) { a.ClockSkewSeconds = ptr(int64(-120)) }, "agent_clock", checkup.Warn, "2m 00s behind", "set-ntp"},
		"problem":    {func(a *rest.Agent) { a.Problem = ptr("copied") }, "agent_problem", checkup.Warn, "copied", "agents settle web1"},
		"no borg":    {func(a *rest.Agent) { a.Borg = nil }, "agent_borg", checkup.Fail, "no borg", "install"},
		"bad borg":   {func(a *rest.Agent) { a.Borg[0].Problem = ptr("too old") }, "agent_borg", checkup.Fail, "too old", "doctor"},
		"old borg":   {func(a *rest.Agent) { a.Borg[0].Version = ptr("1.2.7") }, "agent_borg_version", checkup.Warn, "CVE-", "--only-upgrade"},
		"old agent":  {func(a *rest.Agent) { a.Version = ptr("1.1.9") }, "agent_version", checkup.Warn, "older than", "install borgfleet-agent 1.2.0"},
		"odd agent":  {func(a *rest.Agent) { a.Version = ptr("main") }, "", "", "", ""},
		"new agent":  {func(a *rest.Agent) { a.Version = ptr("1.10.0") }, "", "", "", ""},
		"restarting": {func(a *rest.Agent) { a.Online, a.LastContactAt = false, rest.At(now().Add(-time.Minute)) }, "", "", "", ""},
		"revoked":    {func(a *rest.Agent) { a.Revoked, a.Online, a.Borg = true, false, nil }, "", "", "", ""},
	} {
		a := sound()
		c.change(&a)
		got := append(Troubles(a, now()), Upgrades(a, "1.2.0")...)
		if c.id == "" {
			if len(got) > 0 {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		if len(got) != 1 || got[0].ID != c.id {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		want(t, name, got[0].Finding, c.state, c.message, c.todo)
	}
	off := sound()
	off.Name, off.Online, off.LastContactAt = "web2", false, nil
	o := Options{Server: "https://c", Controller: &fleet{agents: []rest.Agent{off, sound()}}}
	want(t, "all", findings(t, o, "agents")[""], checkup.OK, "2 hosts, 1 online", "")
	want(t, "one", findings(t, o, "agent_offline")["web2"], checkup.Warn, "never", "")
	want(t, "none", findings(t, Options{Server: "https://c", Controller: &fleet{}}, "agents")[""], checkup.Warn, "no host", "join-token create")
}

func TestRepositories(t *testing.T) {
	f := &fleet{repos: []rest.Repository{
		{ID: 1, Name: "good", Path: "/good", AgentID: "a1", Status: "ready", Archives: ptr(int64(2))},
		{ID: 2, Name: "new one", Path: "/new", AgentID: "a1", Agent: "web1", Status: "ready"},
		{ID: 3, Name: "bad", Status: "failed", Agent: "web1", ErrorMessage: ptr("no room")},
		{ID: 4, Name: "slow", Status: "pending", Agent: "web1", CreatedAt: rest.At(now().Add(-time.Hour))},
		{ID: 5, Name: "young", Status: "pending", CreatedAt: rest.At(now().Add(-time.Minute))},
	}}
	o := Options{Server: "https://c", Controller: f}
	got := findings(t, o, "repository")
	if len(got) != 3 {
		t.Errorf("%+v", got)
	}
	want(t, "never", got["new one"], checkup.Warn, "never been backed up", "jobs start 'new one' --follow")
	want(t, "failed", got["bad"], checkup.Fail, "web1: no room", "repositories delete bad")
	want(t, "pending", got["slow"], checkup.Warn, "1h 00m ago", "repositories jobs slow")
	if q := f.asked[0]; q.Repository != "/new" || q.Agent != "a1" || len(q.Statuses) != 2 {
		t.Errorf("asked %+v", q)
	}
	f.done = []rest.Job{{}}
	if got := findings(t, o, "repository"); len(got) != 2 {
		t.Errorf("backed up: %+v", got)
	}
	want(t, "all", findings(t, o, "repositories")[""], checkup.OK, "5 repositories", "")
}

func TestWaiting(t *testing.T) {
	f := &fleet{}
	o := Options{Server: "https://c", Controller: f}
	want(t, "none", findings(t, o, "jobs")[""], checkup.OK, "none has waited", "")
	if q := f.asked[0]; !q.Until.Equal(now().Add(-longWait)) || len(q.Kinds) < 8 {
		t.Errorf("asked %+v", q)
	}
	for why, todo := range map[string]string{
		"agent offline": "borgfleet-agent run", "agent paused": "agents resume web1", "host busy": "agents limit web1",
		"repository busy (job 7)": "--status running", "repository locked": "break-lock", "": "borgfleet-agent doctor /r",
	} {
		j := rest.Job{JobCore: rest.JobCore{ID: 9, Kind: "backup", Repository: "/r", Agent: "web1", CreatedAt: rest.At(now().Add(-2 * time.Hour))}}
		if why != "" {
			j.WaitingFor = &why
		}
		f.waiting = []rest.Job{j}
		got := findings(t, o, "job")["9"]
		want(t, why, got, checkup.Warn, "the backup of /r on web1 has waited since 2026-03-01 10:00:00: "+why, todo)
		want(t, why, got, checkup.Warn, "", "jobs cancel 9")
	}
}

// TestRootLooksAtAnAccountsDirectory: the service has an account of its own, and
// people look as root. What a third account has in there is wrong all the same.
func TestRootLooksAtAnAccountsDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o700))
	_, err := certs.CreateAuthority(filepath.Join(dir, "ca"), now(), strings.NewReader(strings.Repeat("randomness", 1000)))
	must(t, err)
	key := filepath.Join(dir, "ca", "root.key")
	for _, path := range []string{dir, filepath.Join(dir, "ca", "issuing.key"), key} {
		must(t, os.Chown(path, 4711, -1))
	}
	look := func() checkup.Finding {
		return findings(t, Options{DataDir: dir, Controller: &fleet{}}, "authority")[""]
	}
	want(t, "the account's", look(), checkup.OK, "until 2036", "")
	must(t, os.Chown(key, 4712, -1))
	want(t, "a third one's", look(), checkup.Fail, "belongs to another account (uid 4712)", "")
}

func TestDataDirectory(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o700))
	one := func(id string, f *fleet) checkup.Finding {
		return findings(t, Options{DataDir: dir, Controller: f, Password: func(_ context.Context, p string) (bool, error) {
			return p == "made-up", nil
		}}, id)[""]
	}
	up, away := &fleet{}, &fleet{away: errors.New("nobody answers")}
	want(t, "well", one("data_directory", up), checkup.OK, dir, "")
	must(t, os.Chmod(dir, 0o750))
	want(t, "open", one("data_directory", up), checkup.Fail, "mode 0750", "chmod 700 "+dir)
	want(t, "gone", findings(t, Options{DataDir: dir + "/x", Controller: away}, "data_directory")[""], checkup.Fail, "does not exist", "serve --data-dir")

	want(t, "no authority", one("authority", up), checkup.Fail, "no certificate authority", "restore "+dir+"/ca")
	_, err := certs.CreateAuthority(filepath.Join(dir, "ca"), now(), strings.NewReader(strings.Repeat("randomness", 1000)))
	must(t, err)
	want(t, "authority", one("authority", up), checkup.OK, "until 2036", "")
	must(t, os.Chmod(filepath.Join(dir, "ca", "issuing.key"), 0o644))
	want(t, "open key", one("authority", up), checkup.Fail, "mode 0644", "chmod 600 "+dir+"/ca/*.key")

	file := filepath.Join(dir, "initial-admin-password")
	want(t, "password gone", one("initial_password", up), checkup.OK, "gone", "")
	want(t, "no password yet", one("initial_password", away), checkup.Skipped, "first start", "")
	must(t, os.WriteFile(file, []byte("made-up\n"), 0o600))
	want(t, "password unchanged", one("initial_password", up), checkup.Warn, "still has", "users set admin --ask-password --data-dir "+dir+" && rm "+file)
	want(t, "not known", one("initial_password", away), checkup.Warn, "still there", "users set admin")
	must(t, os.WriteFile(file, []byte("older\n"), 0o600))
	want(t, "password changed", one("initial_password", up), checkup.Warn, "left over", "rm "+file)

	private := filepath.Join(dir, "initial-recovery-key")
	want(t, "recovery key gone", one("recovery_key", up), checkup.OK, "does not lie in the data directory", "")
	want(t, "no first start", one("recovery_key", away), checkup.Skipped, "first start", "")
	must(t, os.Mkdir(filepath.Join(dir, "store"), 0o700))
	want(t, "not running", one("recovery_key", away), checkup.OK, "does not lie", "")
	must(t, os.WriteFile(private, []byte("AGE-SECRET-KEY-1QQQ\n"), 0o600))
	want(t, "recovery key left", one("recovery_key", away), checkup.Warn, "still in "+private, "rm "+private)

	want(t, "running", one("controller", up), checkup.OK, "1.2.0", "")
	want(t, "not ready", one("controller", &fleet{ready: errors.New("disk full")}), checkup.Fail, "disk full", "log")
	want(t, "away", one("controller", away), checkup.Fail, "explained: nobody answers", "serve --data-dir "+dir)
	want(t, "no address", one("rest_listener", up), checkup.Skipped, "did not say", "")
	must(t, addresses.Addresses{API: "http://127.0.0.1:1", AgentListen: "https://[::]:1", Agents: "https://no-such-host.invalid:5443"}.Save(dir))
	want(t, "closed", one("rest_listener", up), checkup.Fail, "does not answer", "ss -ltnp")
	want(t, "controller away", one("rest_listener", away), checkup.Skipped, "not running", "")
	must(t, os.Chmod(filepath.Join(dir, "ca", "issuing.key"), 0o600))
	want(t, "agents", one("agent_listener", up), checkup.Fail, "https://[::]:1 does not answer", "ss -ltnp")
	want(t, "agents' name", one("agent_url", up), checkup.Fail, "that name is not known here", "getent hosts no-such-host.invalid")
	if got := findings(t, Options{DataDir: dir, Controller: away}, "agents"); len(got) > 0 {
		t.Errorf("away, and yet %+v", got)
	}
}

func TestJudgements(t *testing.T) {
	want(t, "space", judgeSpace("/d", 1<<40), checkup.OK, "", "")
	want(t, "space", judgeSpace("/d", 300<<20), checkup.Warn, "only", "du -xsh /d")
	want(t, "space", judgeSpace("/d", 256<<20-1), checkup.Fail, "nothing is stored below 268.4 MB", "du -xsh /d")
	want(t, "authority", judgeAuthority(now().Add(90*day), now()), checkup.Warn, "90d", "plan")
	want(t, "authority", judgeAuthority(now(), now()), checkup.Fail, "ended", "plan")
	want(t, "REST", judgeServerCert("https://c", now().Add(day), now()), checkup.Warn, "1d", "--api-cert")
	want(t, "REST", judgeServerCert("https://c", now(), now()), checkup.Fail, "ended", "--api-cert")
	want(t, "REST", judgePlain(&url.URL{Scheme: "http", Host: "0.0.0.0:5000"}), checkup.Warn, "can be read", "--api-cert")
	want(t, "REST", judgePlain(&url.URL{Scheme: "http", Host: "[::1]:5000"}), checkup.OK, "", "")
	f := &fleet{away: errors.New("nobody answers")}
	want(t, "server", findings(t, Options{Server: "https://c", Controller: f}, "controller")[""], checkup.Fail, "explained: nobody", "on the controller's own host")
	for server, state := range map[string]checkup.State{"https://c": checkup.OK, "http://localhost:5000": checkup.OK, "http://c:5000": checkup.Warn} {
		want(t, server, findings(t, Options{Server: server, Controller: &fleet{}}, "server_url")[""], state, server, "")
	}
	if near("0.0.0.0:5") != "localhost:5" || near("[::]:5") != "localhost:5" || near("192.0.2.1:5") != "192.0.2.1:5" {
		t.Error(near("[::]:5"))
	}
}
