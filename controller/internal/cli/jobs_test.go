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
`, "There are more: raise --limit, or narrow down.\n")
	want := "GET /api/backup/jobs?agent=web1&kind=backup&limit=3&repository=%2Fsrv%2Fa%26b&since=2026-02-28T10%3A00%3A00Z&status=failed&status=running&until=2026-03-01T00%3A00%3A00Z"
	if got := f.heard()[0]; got != want {
		t.Errorf("asked %s\nwant  %s", got, want)
	}
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
	f := newFake(t, map[string][]answer{"POST /api/backup/start": ok(rest.Started{JobID: 12, Status: "pending"})})
	f.command("", "jobs", "start", "web", "--agent", "web1").want(t, 0, "Backup job 12 is taken. To see it: borgfleet-controller jobs follow 12\n", "")
	if got, want := f.heard()[0], `POST /api/backup/start {"repository":"web","agent":"web1"}`; got != want {
		t.Errorf("asked %s", got)
	}
}

func TestFollow(t *testing.T) {
	for status, code := range map[string]int{"completed": 0, "completed_with_warnings": 4, "failed": 1, "cancelled": 1} {
		f := newFake(t, map[string][]answer{
			"POST /api/backup/start": ok(rest.Started{JobID: 12}),
			"GET /api/backup/status/12": append(ok(
				theJob(12, "pending", func(j *rest.JobCore) { j.WaitingFor = ptr("host busy") }),
				theJob(12, "running", nil),
			), answer{503, rest.Problem{Status: 503, Detail: "restarting"}}, // the look goes on
				answer{200, theJob(12, status, func(j *rest.JobCore) { j.DurationSeconds = ptr(90.0) })}),
		})
		r := f.command("", "jobs", "start", "web", "--follow")
		want := fmt.Sprintf("waiting: host busy\nrunning\nJob 12 %s after 1m 30s", status)
		if r.code != code || !strings.HasPrefix(r.out, want) || r.err != "" {
			t.Errorf("%s: %+v", status, r)
		}
	}
}

func TestFollowUnknown(t *testing.T) {
	f := newFake(t, nil)
	f.command("", "jobs", "follow", "99").want(t, 1, "", "borgfleet-controller: nothing here\n")
	f.command("", "jobs", "follow", "x").want(t, 2, "", "borgfleet-controller: \"x\" is not the id of a job: it is a number that jobs list shows\n")
}

func TestFollowInterrupted(t *testing.T) {
	f := newFake(t, map[string][]answer{"GET /api/backup/status/12": ok(theJob(12, "running", nil))})
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
	f := newFake(t, map[string][]answer{
		"GET /api/backup/logs/12/stream": ok(lines(12, "completed", 1, 0, false)),
		"GET /api/backup/status/12":      ok(theJob(12, "completed", func(j *rest.JobCore) { j.LogComplete = true })),
	})
	for _, args := range [][]string{{"jobs", "logs", "12"}, {"jobs", "logs", "12", "-f"}} {
		f.command("", args...).want(t, 0, "",
			"Job 12 completed, and there is no log of it to show here: the controller keeps to its --log-policy. The host has its own: borgfleet-agent logs 12\n")
	}
}

// The verdict does not wait behind the log: lines that come after it are shown.
func TestLogsFollow(t *testing.T) {
	done := func(complete bool) rest.JobStatus {
		return theJob(12, "failed", func(j *rest.JobCore) { j.LogComplete = complete })
	}
	f := newFake(t, map[string][]answer{
		"GET /api/backup/status/12": ok(theJob(12, "running", nil), theJob(12, "running", nil), done(false), done(true)),
		"GET /api/backup/logs/12/stream": ok(lines(12, "running", 1, 1, false), lines(12, "running", 2, 2, true), lines(12, "running", 3, 3, false),
			lines(12, "failed", 4, 3, false), lines(12, "failed", 4, 4, false)),
	})
	f.command("", "jobs", "logs", "12", "--follow").want(t, 0, "line 1\\x1b[2J\nline 2\\x1b[2J\nline 3\\x1b[2J\nline 4\\x1b[2J\n", "")
}

// A log that the controller stops showing must not look like a whole one.
func TestLogsFollowThatIsHidden(t *testing.T) {
	f := newFake(t, map[string][]answer{
		"GET /api/backup/status/12":      ok(theJob(12, "running", nil), theJob(12, "completed", func(j *rest.JobCore) { j.LogComplete = true })),
		"GET /api/backup/logs/12/stream": ok(lines(12, "running", 1, 1, false), lines(12, "completed", 1, 0, false)),
	})
	f.command("", "jobs", "logs", "12", "--follow").want(t, 0, "line 1\\x1b[2J\n",
		"Job 12 completed, and the controller does not show the end of its log (serve --log-policy). The host has it: borgfleet-agent logs 12\n")
}
