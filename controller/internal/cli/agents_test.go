package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
)

func web1() rest.Agent {
	return rest.Agent{
		ID: "a1", Name: "web1", Hostname: "web1.example.org", Online: true, LastContactAt: rest.At(now()), EnrolledAt: rest.At(now().Add(-27 * 24 * time.Hour)),
		Version: ptr("1.0.0"), Borg: []rest.Borg{{Path: "/usr/bin/borg", Version: ptr("1.4.0")}}, Labels: map[string]string{"site": "b", "rack": "1"},
		CertificateExpiresAt: rest.At(now().Add(3 * 24 * time.Hour)), MaxParallel: 1, Running: 1,
		ClockSkewSeconds: ptr(int64(-300)), Problem: ptr("a second machine\x1b[2J has its identity"), ProblemAt: rest.At(now().Add(-time.Hour)),
	}
}

func TestAgentsShow(t *testing.T) {
	f := newFake(t, map[string][]answer{
		"GET /api/agents/web1": ok(web1()),
		"GET /api/repositories": ok(rest.RepositoryList{Repositories: []rest.Repository{
			{ID: 4, Name: "web", Path: "/srv/web", Agent: "web1", AgentID: "a1", Status: "ready", Encryption: ptr("none"), SourceDirectories: []string{"/etc"}},
			{ID: 5, Name: "mail", AgentID: "a2"},
		}}),
		"GET /api/backup/jobs": ok(rest.JobList{Jobs: []rest.Job{{JobCore: theJob(12, "running", nil).JobCore}}}),
	})
	f.command("", "agents", "show", "web1").want(t, 0, `Name          web1
Agent id      a1
Host          web1.example.org
State         online
Last contact  now
Enrolled      2026-02-02 12:00:00
Version       1.0.0
Borg          1.4.0  /usr/bin/borg
Certificate   until 2026-03-04 12:00:00
Clock         5m 00s behind the controller's
Recovery      its host has accepted no recovery key: what is gone with it is gone
Labels        rack=1 site=b
At once       1 jobs at most; 1 running, 0 waiting
Look at       a second machine\x1b[2J has its identity (1h 00m ago)
    once that is dealt with: borgfleet-controller agents settle web1
Look at       its certificate ends in 3d 00h and should have been renewed by now
    see whether the agent on that host is running and connected: borgfleet-agent doctor
Look at       its clock is 5m 00s behind the controller's
    set the clock there, or here, and let NTP keep it: timedatectl set-ntp true

ID  NAME  PATH      STATUS  ENCRYPTION  SOURCES  ABOUT
 4  web   /srv/web  ready   none        /etc     -

ID  KIND    REPOSITORY        STATUS   CREATED              TOOK  ABOUT
12  backup  /srv/backups/web  running  2026-03-01 11:00:00     -  -
`, "")
	if jobs := f.heard()[2]; !strings.HasPrefix(jobs, "GET /api/backup/jobs?agent=a1&kind=init&kind=backup") || !strings.Contains(jobs, "status=running&status=pending") {
		t.Errorf("asked %s", jobs)
	}
}

// Renewal is at two thirds, that is ten days before the end; five more are
// given before somebody is told.
func TestCertificateWarning(t *testing.T) {
	for left, want := range map[time.Duration]string{
		11 * 24 * time.Hour: "-", 5*24*time.Hour + time.Minute: "-",
		5*24*time.Hour - time.Minute: "should have been renewed by now", -time.Minute: "its certificate expired on",
	} {
		a := rest.Agent{ID: "a1", Name: "web1", Online: true, CertificateExpiresAt: rest.At(now().Add(left))}
		f := newFake(t, map[string][]answer{"GET /api/agents": ok(rest.AgentList{Agents: []rest.Agent{a}})})
		if r := f.command("", "agents", "list"); !strings.Contains(strings.Split(r.out, "\n")[1], want) || want == "-" && !strings.HasSuffix(r.out, "a1  -\n") {
			t.Errorf("%s before its end:\n%s", left, r.out)
		}
	}
}

func TestAgentsChange(t *testing.T) {
	for _, tt := range []struct{ line, asked string }{
		{"rename web1 web2", `PATCH /api/agents/a1 {"name":"web2"}`},
		{"pause web1", `PATCH /api/agents/a1 {"paused":true}`},
		{"resume web1", `PATCH /api/agents/a1 {"paused":false}`},
		{"limit web1 3", `PATCH /api/agents/a1 {"max_parallel":3}`},
		{"settle web1", `PATCH /api/agents/a1 {}`},
		{"label web1 site=berlin rack- new=", `PATCH /api/agents/a1 {"labels":{"new":"","site":"berlin"}}`},
		{"label web1 site- rack-", `PATCH /api/agents/a1 {"labels":{}}`},
	} {
		f := newFake(t, map[string][]answer{"GET /api/agents/web1": ok(web1()), "PATCH /api/agents/a1": ok(web1())})
		r := f.command("", append([]string{"agents"}, strings.Fields(tt.line)...)...)
		r.want(t, 0, "web1: online, at most 1 jobs at once, rack=1 site=b\n", "")
		if got := f.heard(); len(got) != 2 || got[1] != tt.asked {
			t.Errorf("%s asked %q, want %s", tt.line, got, tt.asked)
		}
	}
	for _, bad := range []string{"rename web1", "pause", "limit web1 many", "limit web1 -- -1", "label web1", "label web1 site", "label web1 =x"} {
		f := newFake(t, map[string][]answer{"GET /api/agents/web1": ok(web1())})
		if r := f.command("", append([]string{"agents"}, strings.Fields(bad)...)...); r.code != 2 || slices.ContainsFunc(f.heard(), func(s string) bool { return strings.HasPrefix(s, "PATCH") }) {
			t.Errorf("%s: %+v", bad, r)
		}
	}
}

func TestAgentsDestroy(t *testing.T) {
	answers := func() map[string][]answer {
		return map[string][]answer{"GET /api/agents/web1": ok(web1()), "POST /api/agents/a1/revoke": ok(web1()), "DELETE /api/agents/a1": {{204, nil}}}
	}
	for verb, said := range map[string]string{
		"revoke": "web1 is revoked. To forget it: borgfleet-controller agents remove web1\n",
		"remove": "web1 is removed; its history stays.\n",
	} {
		f := newFake(t, answers())
		f.command("", "agents", verb, "web1", "--yes").want(t, 0, said, "")
		if len(f.heard()) != 2 {
			t.Errorf("%s asked %q", verb, f.heard())
		}
		// Nobody can be asked: nothing may happen, whatever standard input says.
		f = newFake(t, answers())
		if r := f.command("web1\n", "agents", verb, "web1"); r.code != 2 || !strings.Contains(r.err, "Add --yes if that is meant") || len(f.heard()) != 1 {
			t.Errorf("%s: %+v %q", verb, r, f.heard())
		}
		// On a terminal the name has to be typed.
		for typed, want := range map[string]int{"web1\n": 0, "yes\n": 1, "\n": 1} {
			f = newFake(t, answers())
			screen, code := f.onTerminal(80, 20, typed, "", "agents", verb, "web1")
			if code != want || len(f.heard()) != 2-want || !strings.Contains(screen, "\nTo go on, type web1:") {
				t.Errorf("%s, typed %q: %d, asked %q\n%s", verb, typed, code, f.heard(), screen)
			}
		}
		f = newFake(t, answers())
		if screen, code := f.onTerminal(80, 20, "", "type web1:", "agents", verb, "web1"); code != 130 || len(f.heard()) != 1 {
			t.Errorf("interrupted: %d %q\n%s", code, f.heard(), screen)
		}
		t.Setenv("BORGFLEET_YES", "true")
		f = newFake(t, answers())
		if r := f.command("", "agents", verb, "web1"); r.code != 2 {
			t.Errorf("a variable said yes to %s", verb)
		}
	}
}
