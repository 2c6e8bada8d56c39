package cli

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/local"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
)

func TestStatus(t *testing.T) {
	dir := newState(t)
	record(t, made(t, dir, keyA, 1), "", "")
	serve(t, dir)
	command(t, dir, "status", Hooks{}).want(t, 0, `Name          web1
Agent id      a1
Fleet         f1
Controller    https://controller:5443, not connected for 0.0s: dial tcp: no route\x1b to host
Certificate   until 2026-03-02 12:00:00
Borg          1.4.0  /usr/bin/borg
Borg          /opt/borg  cannot be used: too old
Jobs          1 running, 0 waiting
Recovery key  none was accepted
Version       1.0.0
State         STATE

ID  REPOSITORY  PATH              SOURCES
 4  web         /srv/backups/web  /etc, /srv
`, "")
}

func TestStatusConnected(t *testing.T) {
	dir := newState(t)
	serve(t, dir).SetLinked(true)
	r := command(t, dir, "status", Hooks{})
	if !strings.Contains(r.out, "https://controller:5443, connected\n") {
		t.Error(r.out)
	}
	var st local.Status
	r = command(t, dir, "status -o json", Hooks{})
	if err := json.Unmarshal([]byte(r.out), &st); err != nil || !st.Connected {
		t.Errorf("%v\n%s", err, r.out)
	}
}

func TestJobs(t *testing.T) {
	dir := newState(t)
	serve1 := made(t, dir, keyA, 1)
	must(t, serve1.SetID(17))
	record(t, serve1, job.Failed, "the repository is\x1b[2J locked")
	second := made(t, dir, keyB, 2)
	must(t, second.SetID(18))
	record(t, second, job.Completed, "")
	record(t, made(t, dir, keyC, 3), "", "")
	serve(t, dir)
	command(t, dir, "jobs", Hooks{}).want(t, 0, `     JOB  KIND    REPOSITORY  STATUS     CREATED                TOOK  ABOUT
cccc0003  backup  web         running    2026-03-01 10:03:00  1h 57m  40 %  2.0 GB of 5.0 GB  1 200 files  50.0 MB/s
      18  backup  web         completed  2026-03-01 10:02:00  1m 35s  20 341 files, 5.2 GB, 12.0 MB new
      17  backup  web         failed     2026-03-01 10:01:00  1m 35s  the repository is\x1b[2J locked
`, "")
	r := command(t, dir, "jobs --limit 1", Hooks{})
	if strings.Count(r.out, "\n") != 2 {
		t.Error(r.out)
	}
}

func TestNoJobs(t *testing.T) {
	dir := newState(t)
	serve(t, dir)
	command(t, dir, "jobs", Hooks{}).want(t, 0, "", "There are no jobs on this host yet.\n")
	command(t, dir, "jobs -o json", Hooks{}).want(t, 0, "{\n  \"jobs\": []\n}\n", "")
}

func TestLogs(t *testing.T) {
	dir := newState(t)
	at := now()
	record(t, made(t, dir, keyA, 1), job.CompletedWithWarnings, "1 warning",
		job.Record{Time: at, Level: job.LevelInfo, Source: "borg", Text: "Creating archive"},
		job.Record{Time: at, Level: job.LevelWarning, Source: "borg", Text: "/etc/x: file changed\nwhile we backed it up"},
		job.Record{Time: at, Level: job.LevelInfo, Source: "agent", Text: "done \x1b]0;owned"})
	serve(t, dir)
	const first, rest = "2026-03-01 12:00:00  Creating archive\n", `2026-03-01 12:00:00  warning: /etc/x: file changed
    while we backed it up
2026-03-01 12:00:00  agent: done \x1b]0;owned
`
	command(t, dir, "logs aaaa0001", Hooks{}).want(t, 0, first+rest, "")
	command(t, dir, "logs "+keyA+" -f", Hooks{}).want(t, 0, first+rest, "")
	command(t, dir, "logs 019a --from 2", Hooks{}).want(t, 0, rest, "")
	command(t, dir, "logs beef", Hooks{}).want(t, 1, "",
		"borgfleet-agent: there is no job beef on this host: borgfleet-agent jobs lists what is; older ones are on the controller\n")
	command(t, dir, "logs xy", Hooks{}).want(t, 2, "",
		"borgfleet-agent: \"xy\" names no job: give its number, or at least 4 characters of its key's beginning or end (see borgfleet-agent jobs)\n")
}

func TestBackup(t *testing.T) {
	dir := newState(t)
	d := serve(t, dir)
	r := command(t, dir, "backup web", Hooks{})
	jobs := d.Dirs()
	if len(jobs) != 1 {
		t.Fatalf("%d jobs, %+v", len(jobs), r)
	}
	id := jobs[0].Key().Short()
	r.want(t, 0, "Backup job "+id+" of /srv/backups/web is taken. To see it: borgfleet-agent logs -f "+id+"\n", "")
	command(t, dir, "backup nothing", Hooks{}).want(t, 1, "",
		"borgfleet-agent: no repository of this host has the path, name or id \"nothing\"; there are:\n    4  web  /srv/backups/web\n")
}

// The exit status of a followed job tells its end.
func TestBackupFollow(t *testing.T) {
	for status, code := range map[job.Status]int{job.Completed: 0, job.CompletedWithWarnings: 4, job.Failed: 1, job.Cancelled: 1} {
		dir := newState(t)
		d := serve(t, dir)
		r := commandIn(t.Context(), t, dir, "backup web -f", Hooks{}, func(text string) {
			if text == "waiting: the controller's word\n" {
				record(t, d.Dirs()[0], status, "", job.Record{Time: now(), Level: job.LevelWarning, Source: "borg", Text: "beware"})
			}
		})
		if r.code != code || !strings.HasPrefix(r.out, "waiting: the controller's word\n2026-03-01 12:00:00  warning: beware\nJob ") ||
			!strings.Contains(r.out, " "+string(status)+" after 1m 35s") {
			t.Errorf("%s: %+v", status, r)
		}
	}
}

func TestFollowInterrupted(t *testing.T) {
	dir := newState(t)
	d := serve(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := commandIn(ctx, t, dir, "backup web --follow", Hooks{}, func(string) { cancel() })
	if r.code != 130 || !strings.Contains(r.err, "The job goes on. To see it again: borgfleet-agent logs -f "+d.Dirs()[0].Key().Short()) {
		t.Errorf("%+v", r)
	}
	if want, err := d.Dirs()[0].Desired(); err != nil || want != jobdir.Run {
		t.Errorf("the job is wanted to %s, %v", want, err)
	}
}

func TestCancel(t *testing.T) {
	dir := newState(t)
	running := made(t, dir, keyA, 1)
	must(t, running.SetID(17))
	record(t, running, "", "")
	record(t, made(t, dir, keyB, 2), job.Completed, "")
	serve(t, dir)
	command(t, dir, "cancel 17", Hooks{}).want(t, 0,
		"Job 17 (backup of /srv/backups/web) is being cancelled. To see its end: borgfleet-agent logs -f 17\n", "")
	command(t, dir, "cancel bbbb0002", Hooks{}).want(t, 1, "", "borgfleet-agent: the job has already ended: completed; borgfleet-agent logs bbbb0002 shows how\n")
}

func TestRun(t *testing.T) {
	dir := newState(t)
	var got RunOptions
	hooks := Hooks{RunDaemon: func(_ context.Context, o RunOptions) error { got = o; return errors.New("stopped") }}
	command(t, dir, "run --log-level debug", hooks).want(t, 1, "", "borgfleet-agent: stopped\n")
	if want := (RunOptions{StateDir: dir.Path(), LogLevel: "debug"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestEnrollMoved(t *testing.T) {
	dir := newState(t)
	id := identityOfTest()
	id.MachineID = "another"
	must(t, dir.SaveIdentity(id))
	command(t, dir, "enroll --moved --name web2", Hooks{}).want(t, 2, "",
		"borgfleet-agent: --moved changes nothing but the machine: leave out --name\n")
	r := command(t, dir, "enroll --moved", Hooks{})
	if r.code != 0 || !strings.Contains(r.out, "agent \"web1\" belongs to this machine now") || !strings.Contains(r.out, "borgfleet-agent run --state-dir STATE") {
		t.Errorf("%+v", r)
	}
	got, err := dir.Identity()
	must(t, err)
	if got.MachineID == "another" || got.MachineID == "" || got.StateID != id.StateID || got.AgentID != id.AgentID {
		t.Errorf("identity %+v", got)
	}
}

// TestCommandsNameTheState: a command that is shown works where the agent is not in
// the usual place.
func TestCommandsNameTheState(t *testing.T) {
	const key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
	if got := recoveryState(local.Status{StateDir: "/srv/agent", FleetRecoveryKey: key}); !strings.HasSuffix(got, "allow --recovery-key "+key+" --state-dir /srv/agent") {
		t.Error(got)
	}
	dir, err := state.At("/srv/agent")
	if err != nil {
		t.Fatal(err)
	}
	if got := describe(policy.Allow{}, dir); !strings.Contains(got, "allow --recovery-key --state-dir /srv/agent)") || strings.Count(got, "allow --") != strings.Count(got, "--state-dir") {
		t.Error(got)
	}
}

// TestStartCommand: where the packages have put a service, it is that which is
// started.
func TestStartCommand(t *testing.T) {
	for _, tt := range []struct {
		dir  string
		unit bool
		want string
	}{
		{state.DefaultDir, true, "systemctl enable --now borgfleet-agent"},
		{state.DefaultDir, false, "borgfleet-agent run"},
		{"/srv/my agent", true, "borgfleet-agent run --state-dir '/srv/my agent'"},
	} {
		dir, err := state.At(tt.dir)
		must(t, err)
		a := &agent{hasUnit: func() bool { return tt.unit }}
		if got := a.startCommand(dir); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
