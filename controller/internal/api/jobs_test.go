package api_test

import (
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/apitest"
	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

func TestStart(t *testing.T) {
	e := setup(t)
	a := e.post("/api/backup/start", `{"repository": "/local/backups/my-repo", "agent": "web-1", "unknown": [1]}`,
		"Authorization", "Bearer operator", "Idempotency-Key", "k~1").is(200)
	apitest.CheckDocumented(t, "start", a.body)
	want := fleet.StartRequest{Repository: "/local/backups/my-repo", Agent: "web-1", IdempotencyKey: "k~1", By: "the operator"}
	if e.fleet.start != want {
		t.Errorf("asked for %+v", e.fleet.start)
	}
	var got rest.Started
	a.into(&got)
	if got != (rest.Started{JobID: 123, Status: "pending", Message: "Backup job started"}) {
		t.Errorf("got %+v", got)
	}
	e.post("/api/backup/start", `{"repository": "/else", "agent": null}`).is(404)
	e.fleet.err = fault.New(fault.Conflict, "ambiguous", "several")
	e.post("/api/backup/start", `{"repository": "/local/backups/my-repo"}`).is(409)
}

func TestJobInEveryStatus(t *testing.T) {
	for _, s := range job.Statuses() {
		t.Run(string(s), func(t *testing.T) {
			e := setup(t)
			e.fleet.add(documentedJob(s), "one", "two")
			list := e.get("/api/backup/jobs").is(200)
			apitest.CheckDocumented(t, "jobs", list.body)
			one := e.get("/api/backup/status/123").is(200)
			apitest.CheckDocumented(t, "status", one.body)
			var jobs rest.JobList
			var status rest.JobStatus
			list.into(&jobs)
			one.into(&status)
			if !reflect.DeepEqual(jobs.Jobs[0].JobCore, status.JobCore) {
				t.Errorf("list and status differ:\n%+v\n%+v", jobs.Jobs[0].JobCore, status.JobCore)
			}
			checkFigures(t, s, status.JobCore)
		})
	}
}

func checkFigures(t *testing.T, s job.Status, got rest.JobCore) {
	t.Helper()
	d := got.ProgressDetails
	switch {
	case s.Good():
		if got.Progress != 100 || d.ProgressPercent != 100 || d.CurrentFile != "" || d.EstimatedTimeRemaining != 0 || d.TotalExpectedSize != d.OriginalSize || d.OriginalSize == 0 {
			t.Errorf("not the final figures: %d %+v", got.Progress, d)
		}
	case s == job.Pending:
		if got.Progress != 0 || got.StartedAt != nil || got.WaitingFor == nil || got.Phase != nil || got.DurationSeconds != nil {
			t.Errorf("pending: %+v", got)
		}
	default:
		if got.Progress != 65 || d.ProgressPercent != 65.99 {
			t.Errorf("%s: progress is %d, %v", s, got.Progress, d.ProgressPercent)
		}
	}
	if s == job.Running {
		if *got.DurationSeconds != 600.987 || *got.Phase != "archive.create" || got.CompletedAt != nil || got.ErrorMessage != nil || d.EstimatedTimeRemaining != 180 {
			t.Errorf("running: %+v", got)
		}
	}
	if s.Final() {
		if got.CompletedAt == nil || *got.DurationSeconds != 930 || *got.ErrorCode != "lock_timeout" || *got.ExitCode != 2 || d.EstimatedTimeRemaining != 0 {
			t.Errorf("ended: %+v", got)
		}
	}
	if got.CreatedAt.Nanosecond() != 0 || got.WaitingFor != nil && s != job.Pending {
		t.Errorf("%s: %+v", s, got)
	}
}

// Figures come from agents: none of them may break the answer.
func TestStrangeFigures(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e300, 100, 99.9999, math.SmallestNonzeroFloat64} {
		for _, s := range []job.Status{job.Running, job.Failed} {
			e := setup(t)
			v := documentedJob(s)
			v.Register.Progress.Percent, v.Register.Progress.Speed, v.Register.Progress.ETA = f, f, -5
			v.Register.StartedAt = testNow().Add(time.Hour) // by a clock that is ahead
			if v.Verdict != nil {
				v.Verdict.Progress = v.Register.Progress
			}
			e.fleet.add(v)
			var got rest.JobStatus
			e.get("/api/backup/status/123").is(200).into(&got)
			if got.Progress > 99 || got.Progress < 0 {
				t.Errorf("%v: progress is %d", f, got.Progress)
			}
		}
	}
}

func TestVerifyingIsAPhase(t *testing.T) {
	e := setup(t)
	v := documentedJob(job.Running)
	v.Register.Phase = job.PhaseVerifying
	v.ParentID, v.Spec.ScheduleID, v.MaintenanceStatus = 9, 4, "running_prune"
	e.fleet.add(v)
	var got rest.JobStatus
	e.get("/api/backup/status/123").is(200).into(&got)
	if *got.Phase != "verifying" || *got.ParentID != 9 || *got.ScheduledJobID != 4 || *got.MaintenanceStatus != "running_prune" {
		t.Errorf("got %+v", got)
	}
}

func TestJobFilters(t *testing.T) {
	tests := []struct {
		query string
		want  fleet.JobQuery
	}{
		{"", fleet.JobQuery{Limit: 200}},
		{"?limit=1", fleet.JobQuery{Limit: 1}},
		{"?limit=1001", fleet.JobQuery{Limit: 1000}},
		{"?limit=99999999999999999999", fleet.JobQuery{Limit: 1000}},
		{"?scheduled_only=true&manual_only=0", fleet.JobQuery{Limit: 200, ScheduledOnly: true}},
		{"?manual_only=1&scheduled_only=false", fleet.JobQuery{Limit: 200, ManualOnly: true}},
		{"?manual_only=True", fleet.JobQuery{Limit: 200, ManualOnly: true}},
		{"?status=failed&status=cancelled", fleet.JobQuery{Limit: 200, Statuses: []job.Status{job.Failed, job.Cancelled}}},
		{"?kind=prune", fleet.JobQuery{Limit: 200, Kinds: []job.Kind{job.Prune}}},
		{"?agent=web-1&repository=%2Fa%20b&label=site%3Dvie&schedule_id=3&cursor=abc", fleet.JobQuery{
			Limit: 200, Agent: "web-1", Repository: "/a b", Label: "site=vie", ScheduleID: 3, Cursor: "abc"}},
		{"?since=2024-01-15T11:00:00%2B01:00&until=2024-01-16T00:00:00.5Z", fleet.JobQuery{
			Limit: 200, Since: time.Date(2024, 1, 15, 10, 0, 0, 0, time.UTC), Until: time.Date(2024, 1, 16, 0, 0, 0, 5e8, time.UTC)}},
	}
	for _, tt := range tests {
		e := setup(t)
		e.get("/api/backup/jobs" + tt.query).is(200)
		if tt.want.Kinds == nil {
			tt.want.Kinds = []job.Kind{job.Backup}
		}
		got := e.fleet.query
		if !got.Since.Equal(tt.want.Since) || !got.Until.Equal(tt.want.Until) {
			t.Errorf("%s: asked from %v until %v", tt.query, got.Since, got.Until)
		}
		got.Since, got.Until = tt.want.Since, tt.want.Until
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: asked for %+v", tt.query, got)
		}
	}
}

func TestCancel(t *testing.T) {
	tests := []struct {
		result  fleet.CancelResult
		message string
		gone    bool
	}{
		{fleet.CancelResult{Ended: true, ProcessTerminated: true}, "Backup cancelled successfully", true},
		{fleet.CancelResult{Ended: true}, "Backup cancelled successfully", false},
		{fleet.CancelResult{}, "Backup cancellation requested", false},
	}
	for _, tt := range tests {
		e := setup(t)
		e.fleet.add(documentedJob(job.Running))
		e.fleet.cancel = tt.result
		a := e.post("/api/backup/cancel/123", "").is(200)
		apitest.CheckDocumented(t, "cancel", a.body)
		var got rest.Cancelled
		a.into(&got)
		if got != (rest.Cancelled{Message: tt.message, ProcessTerminated: tt.gone}) || e.fleet.by != "the admin" {
			t.Errorf("got %+v, by %s", got, e.fleet.by)
		}
	}
	e := setup(t)
	e.fleet.add(documentedJob(job.Completed))
	e.post("/api/backup/cancel/123", "").is(400)
	e.post("/api/backup/cancel/124", "").is(404)
}

func TestIDs(t *testing.T) {
	e := setup(t)
	for _, path := range []string{"/api/backup/status/", "/api/backup/logs/X/stream", "/api/backup/logs/X/download", "/api/repositories/", "/api/backup/cancel/"} {
		for id, want := range map[string]int{
			"0": 404, "-1": 404, "1": 404, "9223372036854775807": 404, "9223372036854775808": 404, "-9223372036854775809": 404,
			strings.Repeat("9", 5000): 404, "abc": 422, "1.0": 422, "1e3": 422, "%31x": 422, "%FF": 422, "+1": 422, "-": 422, "0x1": 422,
		} {
			method := http.MethodGet
			if strings.Contains(path, "cancel") {
				method = http.MethodPost
			}
			p := path + id
			if strings.Contains(path, "X") {
				p = strings.Replace(path, "X", id, 1)
			}
			if a := e.do(method, p, ""); a.status != want {
				t.Errorf("%s %.60s: %d, not %d", method, p, a.status, want)
			}
		}
	}
}

func TestNullsAreNotLost(t *testing.T) {
	e := setup(t, func(o *api.Options) { o.LogPolicy = api.LogsOfFailed })
	e.fleet.add(documentedJob(job.Pending))
	body := string(e.get("/api/backup/jobs").is(200).body)
	for _, key := range []string{"started_at", "completed_at", "error_message", "maintenance_status", "scheduled_job_id", "phase", "archive_name",
		"parent_id", "error_code", "exit_code", "borg_version", "duration_seconds", "last_contact_at", "next_cursor"} {
		if !strings.Contains(body, `"`+key+`":null`) {
			t.Errorf("%s is not null: %s", key, body)
		}
	}
}
