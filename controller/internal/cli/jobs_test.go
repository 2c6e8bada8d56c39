package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"borgfleet/controller/internal/api/rest"
)

func TestJobsList(t *testing.T) {
	page := rest.JobList{NextCursor: ptr("next"), Jobs: []rest.Job{
		{JobCore: theJob(12, "running", func(j *rest.JobCore) {
			j.ProgressDetails = rest.ProgressDetails{OriginalSize: 2e9, TotalExpectedSize: 5e9, TotalExpectedSource: "walk", ProgressPercent: 40.7, NFiles: 1200}
			j.DurationSeconds = ptr(61.5)
		}).JobCore},
		{JobCore: theJob(11, "pending", func(j *rest.JobCore) { j.WaitingFor = ptr("agent offline") }).JobCore},
		{JobCore: theJob(10, "failed", func(j *rest.JobCore) { j.ErrorMessage = ptr("no space\nleft") }).JobCore},
	}}
	f := newFake(t, map[string][]answer{"GET /api/backup/jobs": ok(page)})
	f.command("", "jobs", "list", "--limit", "3", "--agent", "web1", "--repository", "/srv/a&b", "--status", "failed", "--status", "running",
		"--kind", "backup", "--since", "26h", "--until", "2026-03-01").want(t, 0, `ID  KIND    AGENT  REPOSITORY        STATUS   CREATED                TOOK  ABOUT
12  backup  web1   /srv/backups/web  running  2026-03-01 11:00:00  1m 01s  40 %  2.0 GB of 5.0 GB  1 200 files
11  backup  web1   /srv/backups/web  pending  2026-03-01 11:00:00       -  waiting: agent offline
10  backup  web1   /srv/backups/web  failed   2026-03-01 11:00:00       -  no space\nleft
`, "There are more: raise --limit, narrow down, or go on with --cursor next\n")
	want := "GET /api/backup/jobs?agent=web1&kind=backup&limit=3&repository=%2Fsrv%2Fa%26b&since=2026-02-28T10%3A00%3A00Z&status=failed&status=running&until=2026-03-01T00%3A00%3A00Z"
	if got := f.heard()[0]; got != want {
		t.Errorf("asked %s\nwant  %s", got, want)
	}
}

// TestNoJobsOfARepository: a repository that rests is told apart from one that is not
// there.
func TestNoJobsOfARepository(t *testing.T) {
	f := newFake(t, map[string][]answer{
		"GET /api/repositories":                ok(rest.RepositoryList{Repositories: []rest.Repository{{ID: 4, Name: "web", Path: "/r"}}}),
		"GET /api/repositories/4":              ok(rest.Repository{ID: 4, Name: "web", Path: "/r"}),
		"GET /api/repositories/4/running-jobs": ok(rest.RunningJobs{}),
	})
	f.command("", "repositories", "jobs", "web").want(t, 0, "", "Nothing runs or waits for it. What was: borgfleet-controller jobs list --repository 4 --kind all\n")
}

func TestJobsListPages(t *testing.T) {
	big := rest.JobList{NextCursor: ptr("two")}
	for range pageJobs {
		big.Jobs = append(big.Jobs, rest.Job{JobCore: theJob(1, "completed", nil).JobCore})
	}
	f := newFake(t, map[string][]answer{"GET /api/backup/jobs": ok(big, rest.JobList{Jobs: big.Jobs[:7]})})
	r := f.command("", "jobs", "list", "--limit", "1500")
	if n := strings.Count(r.out, "\n"); r.code != 0 || n != 1+pageJobs+7 || r.err != "" {
		t.Errorf("%d lines, %s", n, r.err)
	}
	if got, want := f.heard(), []string{"GET /api/backup/jobs?limit=1000", "GET /api/backup/jobs?cursor=two&limit=500"}; !slices.Equal(got, want) {
		t.Errorf("asked %q", got)
	}
}

func TestJobsListMistakes(t *testing.T) {
	f := newFake(t, nil)
	for _, bad := range [][]string{
		{"--status", "done"}, {"--kind", "all-of-them"}, {"--limit", "0"}, {"--since", "yesterday"}, {"--until", "x"},
		{"--since", "1h", "--until", "2h"}, {"-o", "xml"}, {"extra"},
	} {
		if r := f.command("", append([]string{"jobs", "list"}, bad...)...); r.code != 2 || r.err == "" || len(f.heard()) != 0 {
			t.Errorf("%v: %+v", bad, r)
		}
	}
}

func TestStart(t *testing.T) {
	f := newFake(t, map[string][]answer{"POST /api/backup/start": ok(rest.Started{JobID: 12, Status: "pending", Message: "Backup job started"})})
	f.command("", "jobs", "start", "web", "--agent", "web1").want(t, 0, "Backup job 12 is taken. To see it: borgfleet-controller jobs follow 12\n", "")
	if got, want := f.heard()[0], `POST /api/backup/start {"repository":"web","agent":"web1"}`; got != want {
		t.Errorf("asked %s", got)
	}
}

const logOf12 = "GET /api/backup/logs/12/stream"

func TestFollow(t *testing.T) {
	for state, code := range map[string]int{"completed": 0, "completed_with_warnings": 4, "failed": 1, "cancelled": 1} {
		done := theJob(12, state, func(j *rest.JobCore) { j.DurationSeconds = ptr(90.0) })
		f := newFake(t, map[string][]answer{
			"POST /api/backup/start": ok(rest.Started{JobID: 12}),
			logOf12: {
				cut(status(theJob(12, "pending", func(j *rest.JobCore) { j.WaitingFor = ptr("host busy") })), status(theJob(12, "running", nil))),
				{503, rest.Problem{Status: 503, Detail: "restarting"}},
				open(status(theJob(12, "running", nil)), status(done)), // its log goes on
			},
		})
		r := f.command("", "jobs", "start", "web", "--follow")
		want := fmt.Sprintf("waiting: host busy\nrunning\nJob 12 %s after 1m 30s", state)
		if r.code != code || !strings.HasPrefix(r.out, want) || r.err != "" {
			t.Errorf("%s: %+v", state, r)
		}
		if got := f.heard(); len(got) != 4 || got[3] != logOf12+"?offset=9223372036854775807" {
			t.Errorf("asked %q", got)
		}
	}
}

// What a program reads has each change, and the end as the last line.
func TestFollowJSON(t *testing.T) {
	f := newFake(t, map[string][]answer{logOf12: {open(status(theJob(12, "running", nil)), end(theJob(12, "failed", nil), true))}})
	r := f.command("", "jobs", "follow", "12", "-o", "json")
	rows := strings.Split(strings.TrimSpace(r.out), "\n")
	if r.code != 1 || len(rows) != 2 || !strings.Contains(rows[0], `"status":"running"`) || !strings.Contains(rows[1], `"status":"failed"`) {
		t.Errorf("%+v", r)
	}
}

func TestFollowUnknown(t *testing.T) {
	f := newFake(t, nil)
	f.command("", "jobs", "follow", "99").want(t, 1, "", "borgfleet-controller: nothing here\n")
	f.command("", "jobs", "follow", "x").want(t, 2, "", "borgfleet-controller: \"x\" is not the id of a job: it is a number that jobs list shows\n")
}

func TestFollowInterrupted(t *testing.T) {
	f := newFake(t, map[string][]answer{logOf12: {open(status(theJob(12, "running", nil)))}})
	ctx, cancel := context.WithCancel(t.Context())
	r := command(ctx, "", []string{"jobs", "follow", "12", "--data-dir", f.socket}, func(string) { cancel() })
	r.want(t, 130, "running\n", "The job goes on. To see it again: borgfleet-controller jobs follow 12\n")
}

func TestCancel(t *testing.T) {
	f := newFake(t, map[string][]answer{"POST /api/backup/cancel/12": ok(
		rest.Cancelled{Message: "Backup cancelled successfully", ProcessTerminated: true}, rest.Cancelled{Message: "Backup cancellation requested"})})
	f.command("", "jobs", "cancel", "12").want(t, 0, "Job 12: Backup cancelled successfully; its borg is gone\n", "")
	f.command("", "jobs", "cancel", "12").want(t, 0, "Job 12: Backup cancellation requested\n", "")
}

func TestLogs(t *testing.T) {
	f := newFake(t, map[string][]answer{"GET /api/backup/logs/12/stream": ok(lines(12, "failed", 1, 2, true), lines(12, "failed", 3, 3, false))})
	f.command("", "jobs", "logs", "12").want(t, 0, "line 1\\x1b[2J\nline 2\\x1b[2J\nline 3\\x1b[2J\n", "")
	if got, want := f.heard(), []string{"GET /api/backup/logs/12/stream?offset=0", "GET /api/backup/logs/12/stream?offset=2"}; !slices.Equal(got, want) {
		t.Errorf("asked %q", got)
	}
}

func TestLogsThatAreNotShown(t *testing.T) {
	hidden := theJob(12, "completed", func(j *rest.JobCore) { j.LogComplete = true })
	f := newFake(t, map[string][]answer{
		logOf12:                     {{200, lines(12, "completed", 1, 0, false)}, cut(status(hidden), end(hidden, false))},
		"GET /api/backup/status/12": ok(hidden),
	})
	for _, args := range [][]string{{"jobs", "logs", "12"}, {"jobs", "logs", "12", "-f"}} {
		f.command("", args...).want(t, 0, "",
			"Job 12 completed, and there is no log of it to show here: the controller shows logs by its --log-policy, and keeps them for its --log-retention. The host has its own for some days: borgfleet-agent logs 12\n")
	}
}

// A cut, also behind the verdict, leaves no line out and shows none twice.
func TestLogsFollow(t *testing.T) {
	failed := theJob(12, "failed", nil)
	f := newFake(t, map[string][]answer{logOf12: {
		cut(status(theJob(12, "running", nil)), line(1), line(2)),
		cut(status(failed), line(3)),
		open(status(failed), line(4), end(failed, true)),
	}})
	f.command("", "jobs", "logs", "12", "--follow").want(t, 0, "line 1\\x1b[2J\nline 2\\x1b[2J\nline 3\\x1b[2J\nline 4\\x1b[2J\n", "")
	if got, want := f.heard(), []string{logOf12 + "?offset=0", logOf12 + "?offset=0 2", logOf12 + "?offset=0 3"}; !slices.Equal(got, want) {
		t.Errorf("asked %q", got)
	}
}

// A log that the controller stops showing must not look like a whole one.
func TestLogsFollowThatIsHidden(t *testing.T) {
	done := theJob(12, "completed", func(j *rest.JobCore) { j.LogComplete = true })
	f := newFake(t, map[string][]answer{logOf12: {cut(status(theJob(12, "running", nil)), line(1)), open(status(done), end(done, false))}})
	f.command("", "jobs", "logs", "12", "--follow").want(t, 0, "line 1\\x1b[2J\n",
		"Job 12 completed while the controller could not be reached, and its log is not shown any more (serve --log-policy): its end may be missing here. The host has all of it: borgfleet-agent logs 12\n")
	// So is what goes on after a cut, as a stream that begins before the end is told all.
	f = newFake(t, map[string][]answer{logOf12: {
		cut(status(theJob(12, "running", nil)), line(1)),
		open(status(theJob(12, "running", nil)), line(2), status(done), line(3), end(done, false)),
	}})
	f.command("", "jobs", "logs", "12", "--follow").want(t, 0, "line 1\\x1b[2J\nline 2\\x1b[2J\nline 3\\x1b[2J\n", "")
	// Without a cut, what was read along is whole.
	f = newFake(t, map[string][]answer{logOf12: {open(status(theJob(12, "running", nil)), line(1), end(done, false))}})
	f.command("", "jobs", "logs", "12", "--follow").want(t, 0, "line 1\\x1b[2J\n", "")
}

// The rest of a log whose host is away is not waited for without end.
func TestLogsFollowThatStaysShort(t *testing.T) {
	f := newFake(t, map[string][]answer{logOf12: {open(status(theJob(12, "failed", nil)), line(1))}})
	f.command("", "jobs", "logs", "12", "--follow").want(t, 0, "line 1\\x1b[2J\n",
		"Job 12 failed, but the host has not sent all of its log yet. To see the rest later: borgfleet-controller jobs logs 12\n")
}

// TestGoodEnd: the figures of what writes files are worth a column.
func TestGoodEnd(t *testing.T) {
	j := rest.JobCore{ProgressDetails: rest.ProgressDetails{NFiles: 3000, OriginalSize: 5e9, DeduplicatedSize: 1e6}}
	for kind, want := range map[string]string{
		"backup":  "3 000 files, 5.0 GB, 1.0 MB new",
		"restore": "3 000 files, 5.0 GB",
		"list":    "",
	} {
		j.Kind = kind
		if got := goodEnd(j); got != want {
			t.Errorf("%s: %q", kind, got)
		}
	}
}

// TestNoBackupYet: a new fleet has none, and a filter that fits nothing is another thing.
func TestNoBackupYet(t *testing.T) {
	f := newFake(t, map[string][]answer{"GET /api/backup/jobs": ok(rest.JobList{Jobs: []rest.Job{}})})
	if r := f.command("", "jobs", "list", "--limit", "5"); r.code != 0 || !strings.HasPrefix(r.err, "There is no backup yet. ") {
		t.Errorf("%+v", r)
	}
	for _, filter := range []string{"--agent=web1", "--kind=prune", "--since=7d", "--manual"} {
		f.command("", "jobs", "list", filter).want(t, 0, "", "There is no such job.\n")
	}
}
