package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

func TestFleetHosts(t *testing.T) {
	e := setup(t)
	good := testNow().Add(-26 * time.Hour)
	e.fleet.hosts = []fleet.HostView{
		{Repository: 7, Name: "r", Path: "/r", AgentID: "a", AgentName: "web-1", Scheduled: true, Stale: true, Why: "no good backup",
			Last: history.Last{
				Job:  history.Mark{ID: 9, CreatedAt: testNow(), Status: job.Failed},
				Good: history.Mark{ID: 8, CreatedAt: good, Status: job.Completed, Original: 40}, Normal: history.Mark{ID: 7, CreatedAt: good.Add(-time.Hour), Original: 100},
			}, ExpectedAt: good.Add(24 * time.Hour)},
		{Repository: 8, Name: "new", Path: "/new", AgentID: "a", AgentName: "web-1"},
	}
	var out rest.HostList
	if err := json.Unmarshal(e.get("/api/fleet/hosts?stale=true&shrunk=true&max_age=93600&agent=web-1&label=role=web").is(200).body, &out); err != nil || len(out.Hosts) != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	if h := out.Hosts[0]; *h.AgeSeconds != 26*3600 || *h.LastStatus != "failed" || *h.LastGoodJobID != 8 || !h.Stale || *h.LastGoodSize != 40 ||
		h.Shrunk.Size != 40 || h.Shrunk.NormalSize != 100 || h.Shrunk.NormalJobID != 7 || !h.Shrunk.NormalAt.Equal(good.Add(-time.Hour).Truncate(time.Second)) {
		t.Errorf("%+v", h)
	}
	if h := out.Hosts[1]; h.AgeSeconds != nil || h.LastJobID != nil || h.LastStatus != nil || h.LastAt != nil || h.Why != nil || h.LastGoodSize != nil || h.Shrunk != nil {
		t.Errorf("%+v", h)
	}
	if want := (fleet.HostQuery{Agent: "web-1", Label: "role=web", StaleOnly: true, ShrunkOnly: true, MaxAge: 26 * time.Hour}); e.fleet.hostQuery != want {
		t.Errorf("asked for %+v", e.fleet.hostQuery)
	}
	for _, bad := range []string{"max_age=0", "max_age=soon", "stale=maybe", "shrunk=maybe", "host=a"} {
		e.get("/api/fleet/hosts?" + bad).is(422)
	}
}

func TestFleetSummary(t *testing.T) {
	e := setup(t)
	e.fleet.summary = fleet.Summary{
		Agents: 3, Online: 2, Repositories: 4, Stale: 1, Unscheduled: 1, Shrunk: 3, Running: 1, Waiting: 5,
		Spans: []fleet.SpanTotals{{Span: 24 * time.Hour, Totals: history.Totals{Jobs: 3, ByStatus: map[job.Status]int64{job.Completed: 2, job.Failed: 1}, Original: 10, Dedup: 5}}},
		Days:  fleet.Trends{First: history.DateOf(testNow()), Days: []history.Tally{tally(job.Completed, 10, time.Minute)}},
		Next:  []fleet.NextRun{{Repository: 7, Name: "r", AgentName: "web-1", At: testNow()}},
	}
	var out rest.Summary
	if err := json.Unmarshal(e.get("/api/fleet/summary").is(200).body, &out); err != nil {
		t.Fatal(err)
	}
	if s := out.Backups[0]; out.Agents.Online != 2 || out.Jobs.Waiting != 5 || out.Repositories.Shrunk != 3 || s.Hours != 24 || s.Completed != 2 || s.Failed != 1 || s.DeduplicatedSize != 5 || len(out.NextRuns) != 1 || len(out.Days) != 1 || out.Days[0].Completed != 1 {
		t.Errorf("%+v", out)
	}
	e.get("/api/fleet/summary?x=1").is(422)
}

// TestAcceptSize: who took the size for normal is told, and which one it was.
func TestAcceptSize(t *testing.T) {
	e := setup(t)
	var out rest.AcceptedSize
	if err := json.Unmarshal(e.post("/api/repositories/7/accept-size", `{"job_id": 8}`).is(200).body, &out); err != nil || out != (rest.AcceptedSize{JobID: 8, Size: 40, SizeBefore: 100}) {
		t.Errorf("%+v, %v", out, err)
	}
	if e.fleet.accepted != 8 || e.fleet.by != "the admin" {
		t.Errorf("job %d, by %q", e.fleet.accepted, e.fleet.by)
	}
	e.post("/api/repositories/7/accept-size", "").is(200)
	if e.fleet.accepted != 0 {
		t.Errorf("job %d", e.fleet.accepted)
	}
	e.post("/api/repositories/8/accept-size", "").is(404)
	for _, bad := range []string{`{"job_id": 0}`, `{"job_id": "8"}`, `{"job": 8}`} {
		e.post("/api/repositories/7/accept-size", bad).is(422)
	}
}
