package doctor

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"testing"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/local"
	"borgfleet/agent/internal/policy"
	"borgfleet/certs"
	"borgfleet/shared/checkup"
)

const (
	ok      = checkup.OK
	warning = checkup.Warn
	failed  = checkup.Fail
	skipped = checkup.Skipped
)

func TestStateDirectory(t *testing.T) {
	whole := directory{path: "/s t", mode: fs.ModeDir | 0o700, owner: 7}
	for name, c := range map[string]struct {
		change        func(*directory)
		uid           int
		state         checkup.State
		message, todo string
	}{
		"well":          {func(*directory) {}, 7, ok, "closed to other accounts", ""},
		"missing":       {func(d *directory) { d.err = fs.ErrNotExist }, 7, failed, "does not exist", "ENROLL"},
		"not reachable": {func(d *directory) { d.err = fs.ErrPermission }, 7, failed, "permission", "sudo AGAIN"},
		"a file":        {func(d *directory) { d.mode = 0o600 }, 7, failed, "not a directory", "--state-dir"},
		"open":          {func(d *directory) { d.mode |= 0o050 }, 7, failed, "open to other accounts (mode 0750", "chmod 700 '/s t'"},
		"closed":        {func(d *directory) { d.mode = fs.ModeDir | 0o500 }, 7, failed, "closed to its own", "chmod 700 '/s t'"},
		"root's eyes":   {func(*directory) {}, 0, warning, "only be looked at as that account", "AGAIN"},
		"another's":     {func(d *directory) { d.owner = 0 }, 7, failed, "is the account root's", "sudo -u root AGAIN"},
	} {
		d := whole
		c.change(&d)
		want(t, name, d.judge(c.uid, "AGAIN", "ENROLL"), c.state, c.message, c.todo)
	}
	h := enrolled(t, nil)
	want(t, "a real one", h.stateDirectory(t.Context()), ok, h.o.State.Path(), "")
	must(t, os.Chmod(h.o.State.Path(), 0o755))
	want(t, "opened", h.stateDirectory(t.Context()), failed, "mode 0755", "chmod 700 "+h.o.State.Path())
}

func TestIdentity(t *testing.T) {
	h := enrolled(t, nil)
	want(t, "well", h.identity(t.Context()), ok, "agent web1 of the fleet f1", "")
	want(t, "its machine", h.machine(t.Context()), ok, "", "")
	h.o.MachineID = func() (string, error) { return "m2", nil }
	want(t, "another machine", h.machine(t.Context()), failed, "another machine", "enroll --moved --state-dir "+h.o.State.Path())
	want(t, "no key", h.sealingKey(t.Context()), failed, "no such file", "mode 600")
	want(t, "no certificate", h.certificate(t.Context()), failed, "no such file", "chmod 600 "+h.o.State.Credential())
	must(t, os.Remove(h.o.State.Path()+"/identity.json"))
	h = look(t.Context(), h.o)
	want(t, "not enrolled", h.identity(t.Context()), failed, "not enrolled", "borgfleet-agent enroll --token-file FILE --state-dir "+h.o.State.Path())
	for _, c := range Checks(t.Context(), h.o) {
		if f := c.Run(t.Context()); f.State == failed && c.ID != "identity" && c.ID != "allowed" {
			t.Errorf("%s fails because the host is not enrolled: %+v", c.ID, f)
		}
	}
}

func TestConfiguration(t *testing.T) {
	h := enrolled(t, nil)
	want(t, "well", h.configuration(t.Context()), ok, "agent.yaml", "")
	want(t, "nothing allowed", h.allowed(t.Context()), failed, "no repository", "borgfleet-agent allow --repository PATTERN --state-dir "+h.o.State.Path())
	must(t, os.Chmod(h.o.ConfigFile, 0o666))
	want(t, "open", h.configuration(t.Context()), failed, "mode 0666", "chmod go-w")
	must(t, os.WriteFile(h.o.ConfigFile, []byte("borg: borg\nalow: {}\n"), 0o600))
	must(t, os.Chmod(h.o.ConfigFile, 0o600))
	h = look(t.Context(), h.o)
	want(t, "mistyped", h.configuration(t.Context()), failed, `line 2: there is no key "alow"`, "correct")
	want(t, "not known", h.allowed(t.Context()), skipped, "", "")
	must(t, os.Remove(h.o.ConfigFile))
	want(t, "gone", look(t.Context(), h.o).configuration(t.Context()), failed, "there is no", "allow --repository")
	h = enrolled(t, func(c *policy.Config) { c.Allow.Repositories = []string{"/srv/**", "h:x"} })
	want(t, "allowed", h.allowed(t.Context()), ok, "/srv/** and 1 more", "")
}

func TestRunning(t *testing.T) {
	h := enrolled(t, nil)
	since := now().Add(-90 * time.Second)
	want(t, "no socket", h.running(t.Context()), failed, "not running", "borgfleet-agent run --state-dir "+h.o.State.Path())
	for name, c := range map[string]struct {
		st            local.Status
		err           error
		state         checkup.State
		message, todo string
	}{
		"well":       {local.Status{Connected: true, Running: 1}, nil, ok, "jobs: 1 running", ""},
		"cut":        {local.Status{NotConnected: "no route", DisconnectedSince: &since}, nil, warning, "for 1m 30s: no route", "controller"},
		"unreadable": {local.Status{Connected: true, Unreadable: 2}, nil, warning, "cannot read 2", "log"},
		"forbidden":  {local.Status{}, &local.Error{Code: local.NotPermitted, Message: "no"}, skipped, "no", ""},
		"broken":     {local.Status{}, errors.New("odd"), failed, "odd", "restart"},
	} {
		want(t, name, h.judgeRunning(c.st, c.err), c.state, c.message, c.todo)
	}
}

func TestCertificate(t *testing.T) {
	h := enrolled(t, nil)
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		id            certs.Identity
		state         checkup.State
		message, todo string
	}{
		"new":           {certs.Identity{NotAfter: now().Add(29 * day)}, ok, "2026-03-30", ""},
		"being renewed": {certs.Identity{NotAfter: now().Add(8 * day)}, ok, "", ""},
		"overdue":       {certs.Identity{NotAfter: now().Add(2 * day)}, warning, "2d 00h left", "status"},
		"ended":         {certs.Identity{NotAfter: now().Add(-day)}, failed, "ended", "borgfleet-agent run"},
		"long ago":      {certs.Identity{NotAfter: now().Add(-61 * day)}, failed, "too long ago", "enroll --token-file"},
		"of the future": {certs.Identity{NotBefore: now().Add(day), NotAfter: now().Add(9 * day)}, failed, "clock", "timedatectl"},
		"another's":     {certs.Identity{AgentID: "a2", NotAfter: now().Add(9 * day)}, failed, "agent a2", "enroll"},
	} {
		if c.id.AgentID == "" {
			c.id.AgentID = "a1"
		}
		want(t, name, h.judgeCertificate(c.id, now()), c.state, c.message, c.todo)
	}
}

func TestController(t *testing.T) {
	h := enrolled(t, nil)
	proxy := &url.URL{Scheme: "http", Host: "proxy:3128", User: url.UserPassword("u", "secret")}
	for name, c := range map[string]struct {
		contact       contact
		state         checkup.State
		message, todo string
	}{
		"well":       {contact{known: true, status: 404}, ok, "https://controller:5443 answers, and is", ""},
		"a proxy":    {contact{known: true, status: 404, proxy: proxy}, ok, "through the proxy http://u:xxxxx@proxy:3128", ""},
		"expired":    {contact{status: 401, said: "none"}, ok, "answers", ""},
		"revoked":    {contact{known: true, status: 403, said: "agent web1 was revoked"}, failed, "was revoked", "agents show web1"},
		"untried":    {contact{untried: "why"}, skipped, "why", ""},
		"no name":    {contact{err: &net.DNSError{Name: "controller", Err: "no such host"}}, failed, "no such host", "getent hosts controller"},
		"refused":    {contact{err: errors.New("connection refused")}, failed, "connection refused", "curl -vk https://controller:5443"},
		"not passed": {contact{err: errors.New("Forbidden"), proxy: proxy}, failed, "xxxxx", "NO_PROXY=controller"},
	} {
		want(t, name, h.judgeContact(c.contact), c.state, c.message, c.todo)
	}
	for ahead, c := range map[time.Duration]struct {
		state   checkup.State
		message string
	}{
		0: {ok, ""}, mostSkew: {ok, ""}, -mostSkew: {ok, ""},
		mostSkew + time.Second: {warning, "1m 01s ahead"}, -time.Hour: {warning, "1h 00m behind"},
	} {
		want(t, ahead.String(), judgeClock(ahead), c.state, c.message, "")
	}
}

func TestBorg(t *testing.T) {
	at := func(minor, patch int) borg.Tool {
		return borg.Tool{Path: "/usr/bin/borg", Version: borg.Version{Major: 1, Minor: minor, Patch: patch}}
	}
	want(t, "good", judgeBorg(at(4, 5), nil), ok, "/usr/bin/borg is borg 1.4.5", "")
	want(t, "old", judgeBorg(at(2, 7), nil), warning, "CVE-2026-62268", "--only-upgrade")
	two := borg.Tool{Path: "/usr/bin/borg2", Version: borg.Version{Major: 2}}
	want(t, "borg 2", judgeBorg(two, two.Version.Check()), failed, "not supported yet", "install borg 1.2 or 1.4 beside it")
	h := enrolled(t, func(c *policy.Config) { c.Borg = "/nowhere/borg" })
	want(t, "none", h.borg(t.Context()), failed, "/nowhere/borg", "apt-get install borgbackup")
}

func TestDiskSpace(t *testing.T) {
	want(t, "plenty", judgeSpace("/s", 1<<40), ok, "free", "")
	want(t, "little", judgeSpace("/s", 100<<20), warning, "only 104.9 MB", "du -xsh /s")
	want(t, "none", judgeSpace("/s", 64<<20-1), failed, "67.1 MB free", "du -xsh /s")
}
