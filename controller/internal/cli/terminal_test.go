package cli

import (
	"context"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
	"borgfleet/shared/term/ptytest"
)

// onTerminal carries a command out as a person sees it. Until it ends, or until
// the screen holds enough, when that is not empty.
func (f *fake) onTerminal(columns, rows int, typed, enough string, args ...string) (screen string, code int) {
	f.t.Helper()
	pty := ptytest.New(f.t, columns, rows)
	ctx, cancel := context.WithCancel(f.t.Context())
	defer cancel()
	done := make(chan int, 1)
	go func() {
		k := &controller{in: pty.Tty, out: term.On(pty.Tty), err: term.On(pty.Tty), now: now}
		done <- k.program().Run(ctx, append(args, "--data-dir", f.socket), cmdline.Streams{In: pty.Tty, Out: pty.Tty, Err: pty.Tty})
	}()
	if typed != "" {
		pty.WaitFor(":")
		pty.Type(typed)
	}
	if enough != "" {
		pty.WaitFor(enough)
		cancel()
	}
	code = <-done
	if enough != "" {
		pty.Type("\n") // lets go of whoever may still read an answer
	}
	return pty.Finish(), code
}

func sampleJobs() rest.JobList {
	return rest.JobList{Jobs: []rest.Job{
		{JobCore: theJob(1204, "running", func(j *rest.JobCore) {
			j.ProgressDetails = rest.ProgressDetails{OriginalSize: 2e9, TotalExpectedSize: 5e9, TotalExpectedSource: "walk", ProgressPercent: 40.7, NFiles: 1200}
			j.DurationSeconds = ptr(61.5)
		}).JobCore},
		{JobCore: theJob(1203, "completed_with_warnings", func(j *rest.JobCore) {
			j.Agent, j.Repository = "日本のサーバー", "ssh://bk@store.example.org/srv/borg/日本のサーバー"
			j.ErrorMessage, j.DurationSeconds = ptr("2 files changed while they were read"), ptr(7000.0)
		}).JobCore},
		{JobCore: theJob(9, "failed", func(j *rest.JobCore) {
			j.Agent, j.ErrorMessage = "mail\x1b]0;owned\x07\u202e", ptr("no space\nleft\r")
		}).JobCore},
	}}
}

func TestJobsOnTerminals(t *testing.T) {
	f := newFake(t, map[string][]answer{"GET /api/backup/jobs": ok(sampleJobs())})
	for columns, want := range map[int]string{
		40: `  ID  REPOSITO…  STATUS
1204  …kups/web  running
1203  …サーバー  completed_with_warnings
   9  …kups/web  failed`,
		80: `  ID  KIND    AGENT         REPOSITORY    STATUS                   ABOUT
1204  backup  web1          …backups/web  running                  40 %  2.0 GB…
1203  backup  日本のサー…   …のサーバー   completed_with_warnings  2 files chan…
   9  backup  mail\x1b]0;…  …backups/web  failed                   no space\nle…`,
		120: ``,
		200: ``,
	} {
		screen, code := f.onTerminal(columns, 20, "", "", "jobs", "list")
		if code != 0 || want != "" && screen != want || strings.Count(screen, "\n") != 3 {
			t.Errorf("at %d columns: %d\n%s\nwant\n%s", columns, code, screen, want)
		}
	}
}

func TestJobsWatched(t *testing.T) {
	done := sampleJobs()
	done.Jobs = done.Jobs[:1]
	first := done
	first.Jobs = []rest.Job{{JobCore: theJob(7, "running", nil).JobCore}, {JobCore: theJob(6, "failed", nil).JobCore}}
	f := newFake(t, map[string][]answer{"GET /api/backup/jobs": {{200, first}, {503, rest.Problem{Status: 503, Detail: "restarting"}}, {200, done}}})
	screen, code := f.onTerminal(80, 20, "", "1204", "jobs", "list", "-w", "--interval", "500ms")
	lines := strings.Split(screen, "\n")
	if code != 130 || len(lines) != 4 || !strings.HasPrefix(lines[0], "2026-03-01 12:00:00  every 500ms: borgfleet-controller jobs list -w") ||
		!strings.HasPrefix(lines[2], "  ID") || !strings.HasPrefix(lines[3], "1204  backup") {
		t.Errorf("%d\n%s", code, screen)
	}
}

func TestJobShow(t *testing.T) {
	log := strings.Repeat("a line\n", 12) + "the last\x1b[2J line"
	f := newFake(t, map[string][]answer{"GET /api/backup/status/12": ok(
		rest.JobStatus{Logs: &log, JobCore: theJob(12, "failed", func(j *rest.JobCore) {
			j.StartedAt, j.CompletedAt, j.DurationSeconds = rest.At(now().Add(-time.Hour)), rest.At(now()), ptr(3600.0)
			j.ErrorCode, j.ErrorMessage, j.ExitCode, j.BorgVersion = ptr("repo_disk_full"), ptr("no space left\nreally"), ptr(2), ptr("1.4.0")
			j.ScheduledJobID, j.TriggeredBy, j.LogComplete = ptr(int64(3)), "schedule", true
			j.ProgressDetails = rest.ProgressDetails{NFiles: 10, OriginalSize: 2e6, CompressedSize: 1e6, DeduplicatedSize: 5e5, BackupSpeed: 2}
		}).JobCore},
		theJob(12, "running", func(j *rest.JobCore) {
			j.AgentOnline, j.LastContactAt, j.ParentID = false, rest.At(now().Add(-time.Minute)), ptr(int64(11))
			j.ProgressDetails = rest.ProgressDetails{NFiles: 10, OriginalSize: 2e6, CurrentFile: "/etc/\x1bx"}
		}),
	)})
	f.command("", "jobs", "show", "12").want(t, 0, `Job           12 (backup)
Status        failed
Problem       no space left
    really
Problem code  repo_disk_full
Next          make room where the repository is, or have less kept there: borgfleet-controller repositories prune /srv/backups/web, then compact, which needs a little room itself
Repository    /srv/backups/web
Agent         web1
Started by    schedule 3
Created       2026-03-01 11:00:00
Started       2026-03-01 11:00:00
Ended         2026-03-01 12:00:00
Took          1h 00m
Files         10
Size          2.0 MB, compressed 1.0 MB, new in the repository 500.0 kB
Speed         2.0 MB/s
Borg          1.4.0
Exit code     2

The end of its log (all of it: borgfleet-controller jobs logs 12):
`+strings.Repeat("  a line\n", 9)+"  the last\\x1b[2J line\n", "")
	f.command("", "jobs", "show", "12").want(t, 0, `Job         12 (backup)
Status      running, the host is out of contact
Repository  /srv/backups/web
Agent       web1, out of contact: last heard 1m 00s ago
Started by  manual, after job 11
Created     2026-03-01 11:00:00
Progress    2.0 MB  10 files
File        /etc/\x1bx
`, "")
}

// A shell that completes a line gets names from the controller, and nothing
// from one that is away.
func TestCompletionAsks(t *testing.T) {
	f := newFake(t, map[string][]answer{
		"GET /api/agents":       ok(rest.AgentList{Agents: []rest.Agent{{Name: "web1"}, {Name: "mail"}}}),
		"GET /api/repositories": ok(rest.RepositoryList{Repositories: []rest.Repository{{Name: "web", Path: "/r"}}}),
		"GET /api/backup/jobs":  ok(sampleJobs()),
	})
	for _, tt := range []struct{ line, want string }{
		{"jobs start --data-dir DIR --agent w", "web1"},
		{"jobs start --data-dir DIR ", "web"},
		{"jobs cancel --data-dir DIR ", "1204 1203 9"},
		{"jobs list --data-dir DIR --kind pr", "prune"},
		{"jobs start --data-dir /nowhere ", ""},
		{"jobs start --server http://127.0.0.1:1 --api-token-file - ", ""},
	} {
		args := append([]string{"__complete"}, strings.Split(strings.ReplaceAll(tt.line, "DIR", f.socket), " ")...)
		r := command(t.Context(), "", args, nil)
		if got := strings.Join(strings.Fields(r.out), " "); r.code != 0 || r.err != "" || got != tt.want {
			t.Errorf("%s: %+v, want %s", tt.line, r, tt.want)
		}
	}
	if asked := f.heard()[2]; !strings.Contains(asked, "status=pending&status=running") {
		t.Errorf("jobs that have ended are proposed for cancel: %s", asked)
	}
}
