package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

// scheduled is what tests look at of a job that a schedule stands behind.
type scheduled struct {
	testenv.Job
	CreatedAt   time.Time `json:"created_at"`
	ScheduleID  *int64    `json:"scheduled_job_id"`
	Maintenance *string   `json:"maintenance_status"`
	ParentID    *int64    `json:"parent_id"`
}

// historyOf lists the jobs of a kind.
func historyOf(t *testing.T, env *testenv.Env, kind string) []scheduled {
	t.Helper()
	var out struct{ Jobs []scheduled }
	fatal(t, env.API.Get("/api/backup/jobs?kind="+kind, &out))
	return out.Jobs
}

// makeSchedule posts a schedule and gives its id.
func makeSchedule(t *testing.T, env *testenv.Env, body map[string]any) int64 {
	t.Helper()
	var out struct{ ID int64 }
	fatal(t, env.API.Post("/api/schedule", body, &out))
	return out.ID
}

// TestScheduleOutlivesTheController: a backup is made at its time with nobody
// there: the controller killed, the agent killed and started anew in between. It
// is made once, and when the controller is back it is told with its true time, and
// what needs the controller follows.
func TestScheduleOutlivesTheController(t *testing.T) {
	t.Parallel()
	m := newMaintained(t)
	host := m.Hosts["host"]
	// Time enough for the host to be alone by then.
	due := time.Now().Add(45 * time.Second).Truncate(time.Minute).Add(time.Minute)
	id := makeSchedule(t, m.Env, map[string]any{
		"name": "once", "cron_expression": fmt.Sprintf("%d %d * * *", due.UTC().Minute(), due.UTC().Hour()), "timezone": "UTC", "repository_id": m.id,
		"run_prune_after": true, "prune_keep_daily": 7, "run_compact_after": true, "run_check_after": true,
	})
	var view struct {
		NextRun time.Time `json:"next_run"`
	}
	fatal(t, m.API.Get("/api/schedule/"+itoa(id), &view))
	if !view.NextRun.Equal(due) {
		t.Errorf("due at %s, and not at %s", view.NextRun, due)
	}
	fatal(t, m.Await("the host knows when", func() (bool, error) {
		out, err := host.CLI("schedules", "-o", "json")
		return strings.Contains(out, due.UTC().Format("2006-01-02T15:04:05Z")), err
	}))
	fatal(t, m.Controller.Kill())
	fatal(t, host.Kill())
	fatal(t, host.Start())

	for time.Until(due) > 0 { // Await has less patience
		time.Sleep(min(time.Until(due), time.Second))
	}
	local := func() (jobs []struct{ Kind, Status, Key string }) {
		out, err := host.CLI("jobs", "-o", "json")
		fatal(t, err)
		var list struct {
			Jobs []struct{ Kind, Status, Key string }
		}
		fatal(t, json.Unmarshal([]byte(out), &list))
		return list.Jobs
	}
	fatal(t, m.Await("backup and prune are done, and the compact waits", func() (bool, error) {
		have := map[string]string{}
		for _, j := range local() {
			have[j.Kind] = j.Status
		}
		return have["backup"] == "completed" && have["prune"] == "completed" && have["compact"] == "pending", nil
	}))
	fatal(t, host.Kill())
	fatal(t, host.Start())
	fatal(t, m.Controller.Start())
	fatal(t, m.AwaitOnline("host"))

	var backups []scheduled
	fatal(t, m.Await("all of it is done", func() (bool, error) {
		backups = historyOf(t, m.Env, "backup")
		return len(backups) == 1 && backups[0].Maintenance != nil && *backups[0].Maintenance == "maintenance_completed", nil
	}))
	b := backups[0]
	if !b.CreatedAt.Equal(due) || b.TriggeredBy != "schedule" || b.ScheduleID == nil || *b.ScheduleID != id || b.Status != "completed" {
		t.Errorf("%+v", b)
	}
	for _, kind := range []string{"prune", "compact", "check"} {
		jobs := historyOf(t, m.Env, kind)
		if len(jobs) != 1 || jobs[0].Status != "completed" || jobs[0].ParentID == nil || *jobs[0].ParentID != b.ID || *jobs[0].ScheduleID != id {
			t.Errorf("%s: %+v", kind, jobs)
		}
	}
	var stands struct {
		Repositories []struct {
			LastJobID int64   `json:"last_job_id"`
			Overdue   *string `json:"overdue_since"`
			Problem   *string
		}
	}
	fatal(t, m.API.Get("/api/schedule/"+itoa(id), &stands))
	if at := stands.Repositories[0]; at.LastJobID != b.ID || at.Overdue != nil || at.Problem != nil {
		t.Errorf("%+v", at)
	}
	m.names(b.ArchiveName)
}

// TestRunNow runs a paused schedule through the command line, with what follows,
// and cancels a step by its backup.
func TestRunNow(t *testing.T) {
	t.Parallel()
	m := newMaintained(t)
	said, err := m.Controller.CLI("schedules", "create", "weekly", "@weekly", "--repository", "r", "--check", "--check-every", "7d", "--compact")
	fatal(t, err)
	if !strings.Contains(said, "weekly is schedule 1; due next: ") {
		t.Errorf("%s", said)
	}
	_, err = m.Controller.CLI("schedules", "pause", "weekly")
	fatal(t, err)
	run := func() scheduled {
		t.Helper()
		var out struct {
			JobID  int64   `json:"job_id"`
			JobIDs []int64 `json:"job_ids"`
			Status string
		}
		fatal(t, m.API.Post("/api/schedule/1/run-now", nil, &out))
		if out.JobID == 0 || len(out.JobIDs) != 1 || out.Status != "pending" {
			t.Errorf("%+v", out)
		}
		var j scheduled
		fatal(t, m.Await("the end of what follows", func() (bool, error) {
			err := m.API.Get("/api/backup/status/"+itoa(out.JobID), &j)
			return j.Final() && j.Maintenance != nil && !strings.HasPrefix(*j.Maintenance, "running_"), err
		}))
		return j
	}
	if j := run(); *j.Maintenance != "maintenance_completed" || j.TriggeredBy != "manual" || *j.ScheduleID != 1 {
		t.Errorf("%+v", j)
	}
	if j := run(); *j.Maintenance != "compact_completed" {
		t.Errorf("a check was made already, and the second run says %s", *j.Maintenance)
	}
	wantProblem(t, "nothing is left to cancel", m.API.Post("/api/backup/cancel/"+itoa(historyOf(t, m.Env, "backup")[0].ID), nil, nil), 400)
	csv, err := m.Controller.CLI("jobs", "export", "--kind", "all", "--status", "completed")
	fatal(t, err)
	if !strings.HasPrefix(csv, "id,kind,agent,") || strings.Count(csv, ",backup,host,") != 2 || strings.Count(csv, ",compact,host,") != 2 {
		t.Errorf("%s", csv)
	}
	figures, err := m.Controller.CLI("fleet", "summary", "-o", "json")
	fatal(t, err)
	var sum struct {
		Agents, Repositories map[string]int
		Backups              []struct{ Hours, Completed int }
	}
	decode(t, []byte(figures), &sum)
	if sum.Agents["online"] != 1 || sum.Repositories["total"] != 1 || sum.Repositories["stale"] != 0 || sum.Backups[0].Hours != 24 || sum.Backups[0].Completed != 2 {
		t.Errorf("%s", figures)
	}
	if _, err := m.Controller.CLI("fleet", "stale", "--max-age", "1h"); err != nil {
		t.Errorf("it is backed up: %v", err)
	}
	if out, err := m.Controller.CLI("fleet", "stale", "--max-age", "1s"); err == nil || !strings.Contains(out, "no good backup since") {
		t.Errorf("it is older than a second: %v, %s", err, out)
	}
	out, err := m.Controller.CLI("schedules", "list")
	fatal(t, err)
	for _, want := range []string{"weekly", "@weekly", "r on host", "compact, check", "paused", "completed"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
