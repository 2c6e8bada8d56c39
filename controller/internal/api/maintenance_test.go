package api_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

func TestMaintenance(t *testing.T) {
	e := setup(t)
	for _, tt := range []struct {
		kind job.Kind
		body string
		want fleet.MaintenanceRequest
	}{
		{job.Check, "", fleet.MaintenanceRequest{}},
		{job.Check, `{"max_duration": 90}`, fleet.MaintenanceRequest{Check: &job.CheckSpec{MaxDuration: 90 * time.Second}}},
		{job.Check, `{"max_duration": "1h"}`, fleet.MaintenanceRequest{Check: &job.CheckSpec{MaxDuration: time.Hour}}},
		{job.Check, `{"depth": "data"}`, fleet.MaintenanceRequest{Check: &job.CheckSpec{Depth: job.CheckData}}},
		{job.Check, `{"depth": "repository", "max_duration": 90}`, fleet.MaintenanceRequest{Check: &job.CheckSpec{MaxDuration: 90 * time.Second, Depth: job.CheckRepository}}},
		{job.Compact, "{}", fleet.MaintenanceRequest{}},
		{job.Prune, `{"keep_daily": 7, "keep_quarterly": 1, "keep_yearly": 0, "keep_within": "48H", "dry_run": true}`,
			fleet.MaintenanceRequest{Prune: &job.PruneSpec{Keep: job.Keep{Daily: 7, Quarterly: 1, Within: "48H"}, DryRun: true}}},
		{job.Prune, "", fleet.MaintenanceRequest{Prune: &job.PruneSpec{}}}, // the fleet knows the retention
		{job.Prune, `{"dry_run": true}`, fleet.MaintenanceRequest{Prune: &job.PruneSpec{DryRun: true}}},
		{job.BreakLock, "", fleet.MaintenanceRequest{}},
	} {
		path := "/api/repositories/7/" + string(tt.kind)
		want := fmt.Sprintf(`{"job_id":124,"status":"pending","message":"%s job started"}`, strings.ToUpper(string(tt.kind[:1]))+string(tt.kind[1:]))
		if got := strings.TrimSpace(string(e.post(path, tt.body, "Idempotency-Key", "k").is(200).body)); got != want {
			t.Errorf("%s: %s", tt.kind, got)
		}
		tt.want.Kind, tt.want.Repository, tt.want.IdempotencyKey, tt.want.By = tt.kind, 7, "k", "the admin"
		if !reflect.DeepEqual(e.fleet.maintenance, tt.want) {
			t.Errorf("%s %s: asked for %+v", tt.kind, tt.body, e.fleet.maintenance)
		}
		e.post("/api/repositories/8/"+string(tt.kind), tt.body).is(404)
		e.post("/api/repositories/x/"+string(tt.kind), tt.body).is(422)
		e.post("/api/repositories/-99999999999999999999/"+string(tt.kind), tt.body).is(404)
		e.post(path, "[").is(400)
		e.post(path, `{"force": true}`).is(422)
	}
	for kind, bad := range map[string][]string{
		"check": {`{"max_duration": 0}`, `{"max_duration": -5}`, `{"max_duration": "soon"}`, `{"max_duration": 1e9}`, `{"max_duration": 99999999999}`, `{"repair": true}`},
		"prune": {`{"keep_daily": 0}`, `{"keep_daily": 0, "keep_yearly": 0, "dry_run": true}`, `{"keep_daily": -1}`, `{"keep_daily": 7, "keep_yearly": -1}`, `{"keep_daily": "7"}`, `{"keep_daily": 1.5}`,
			`{"keep_daily": 100001}`, `{"keep_within": ""}`, `{"keep_within": "0d"}`, `{"keep_within": "soon"}`, `{"keep_within": 7}`, `{"keep_within": "1d --force"}`, `{"keep_last": 3}`, `{"keep_daily": 7, "dry_run": "yes"}`},
	} {
		for _, body := range bad {
			e.post("/api/repositories/7/"+kind, body).is(422)
		}
	}
	for body, at := range map[string]string{
		`{"depth": "all"}`:                             "body.depth",
		`{"depth": ""}`:                                "body.depth",
		`{"depth": 1}`:                                 "body.depth",
		`{"depth": "all", "max_duration": 60}`:         "body.depth",
		`{"depth": "archives", "max_duration": 60}`:    "body.max_duration",
		`{"depth": "data", "max_duration": "1h"}`:      "body.max_duration",
		`{"depth": "repository", "max_duration": "x"}`: "body.max_duration",
	} {
		if got := e.post("/api/repositories/7/check", body).is(422).locations(); len(got) != 1 || got[0] != at {
			t.Errorf("%s is wrong at %v", body, got)
		}
	}
}

// TestMaintenanceJobs answer for their kind alone, though their paths look like
// those of a repository.
func TestMaintenanceJobs(t *testing.T) {
	e := setup(t)
	n := int64(3)
	for i, kind := range []job.Kind{job.Check, job.Compact, job.Prune} {
		j := job.New(int64(10+i), job.Key{byte(1 + i)}, "a", job.Spec{Kind: kind, CreatedAt: testNow(), Repository: job.Repository{ID: 7, Path: "/r"}})
		j.Status, j.Sent = job.Running, true
		j.Register = job.Register{Phase: job.PhaseStarted, StartedAt: testNow(), BorgPhase: "prune", BorgPhasePercent: 33.333}
		if kind == job.Prune {
			j.Status, j.Verdict = job.Completed, &job.Verdict{Status: job.Completed, StartedAt: testNow(), EndedAt: testNow(), ArchivesDeleted: &n}
		}
		e.fleet.add(fleet.JobView{Job: j}, "a line")
	}
	check := string(e.get("/api/repositories/check-jobs/10").is(200).body)
	for _, want := range []string{`"kind":"check"`, `"phase":"prune"`, `"phase_percent":33.33`, `"progress":0`, `"logs":null`} {
		if !strings.Contains(check, want) {
			t.Errorf("no %s in %s", want, check)
		}
	}
	prune := string(e.get("/api/repositories/prune-jobs/12/").is(200).body)
	for _, want := range []string{`"archives_deleted":3`, `"bytes_freed":null`, `"phase_percent":null`} {
		if !strings.Contains(prune, want) {
			t.Errorf("no %s in %s", want, prune)
		}
	}
	e.get("/api/repositories/compact-jobs/11").is(200)
	e.get("/api/repositories/compact-jobs/10").is(404)
	e.get("/api/repositories/prune-jobs/99").is(404)
	e.get("/api/repositories/check-jobs/running-jobs").is(422)
	e.get("/api/repositories/break-lock-jobs/10").is(404)
}

// TestDryRunCanBeRead whatever the log policy is: its log is what it is for.
func TestDryRunCanBeRead(t *testing.T) {
	e := setup(t)
	for id, dry := range map[int64]bool{10: false, 11: true} {
		j := job.New(id, job.Key{byte(id)}, "a", job.Spec{Kind: job.Prune, CreatedAt: testNow(), Prune: &job.PruneSpec{DryRun: dry}})
		j.Status, j.Verdict = job.Completed, &job.Verdict{Status: job.Completed, StartedAt: testNow(), EndedAt: testNow()}
		e.fleet.add(fleet.JobView{Job: j}, "Would prune: x")
		body := string(e.get(fmt.Sprintf("/api/repositories/prune-jobs/%d", id)).is(200).body)
		if strings.Contains(body, "Would prune") != dry {
			t.Errorf("dry run %v: %s", dry, body)
		}
	}
}

func TestAcknowledgeVanished(t *testing.T) {
	e := setup(t)
	const path = "/api/repositories/7/acknowledge-vanished"
	if got := strings.TrimSpace(string(e.post(path, "").is(200).body)); got != `{"archives":["gone"],"remaining":2}` || e.fleet.acknowledged != nil || e.fleet.by != "the admin" {
		t.Errorf("%s; asked for %v by %s", got, e.fleet.acknowledged, e.fleet.by)
	}
	e.post(path, `{"archives": ["a", "b"]}`).is(200)
	if got := e.fleet.acknowledged; len(got) != 2 || got[0] != "a" {
		t.Errorf("asked for %v", got)
	}
	for _, bad := range []string{`{"archives": []}`, `{"archives": "a"}`, `{"archives": [""]}`, `{"archives": [7]}`, `{"all": true}`} {
		e.post(path, bad).is(422)
	}
	e.post("/api/repositories/8/acknowledge-vanished", "{}").is(404)
}

func TestRetryRepository(t *testing.T) {
	e := setup(t)
	e.fleet.repositories = []fleet.RepositoryView{{Repository: job.Repository{ID: 7, Name: "r", Path: "/r"}, Status: "pending", CreatedAt: testNow()}}
	if got := e.post("/api/repositories/7/retry", "").is(200); !strings.Contains(string(got.body), `"id":7`) || e.fleet.by != "the admin" {
		t.Errorf("%s; asked for by %s", got.body, e.fleet.by)
	}
	e.post("/api/repositories/999/retry", "").is(404)
	e.post("/api/repositories/x/retry", "").is(422)
}
