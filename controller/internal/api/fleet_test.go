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
			Last: history.Mark{ID: 9, CreatedAt: testNow(), Status: job.Failed}, Good: history.Mark{ID: 8, CreatedAt: good, Status: job.Completed}, ExpectedAt: good.Add(24 * time.Hour)},
		{Repository: 8, Name: "new", Path: "/new", AgentID: "a", AgentName: "web-1"},
	}
	var out rest.HostList
	if err := json.Unmarshal(e.get("/api/fleet/hosts?stale=true&max_age=93600&agent=web-1&label=role=web").is(200).body, &out); err != nil || len(out.Hosts) != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	if h := out.Hosts[0]; *h.AgeSeconds != 26*3600 || *h.LastStatus != "failed" || *h.LastGoodJobID != 8 || !h.Stale {
		t.Errorf("%+v", h)
	}
	if h := out.Hosts[1]; h.AgeSeconds != nil || h.LastJobID != nil || h.LastStatus != nil || h.LastAt != nil || h.Why != nil {
		t.Errorf("%+v", h)
	}
	if want := (fleet.HostQuery{Agent: "web-1", Label: "role=web", StaleOnly: true, MaxAge: 26 * time.Hour}); e.fleet.hostQuery != want {
		t.Errorf("asked for %+v", e.fleet.hostQuery)
	}
	for _, bad := range []string{"max_age=0", "max_age=soon", "stale=maybe", "host=a"} {
		e.get("/api/fleet/hosts?" + bad).is(422)
	}
}

func TestFleetSummary(t *testing.T) {
	e := setup(t)
	e.fleet.summary = fleet.Summary{
		Agents: 3, Online: 2, Repositories: 4, Stale: 1, Unscheduled: 1, Running: 1, Waiting: 5,
		Spans: []fleet.SpanTotals{{Span: 24 * time.Hour, Totals: history.Totals{Jobs: 3, ByStatus: map[job.Status]int64{job.Completed: 2, job.Failed: 1}, Original: 10, Dedup: 5}}},
		Days:  fleet.Trends{First: history.DateOf(testNow()), Days: []history.Tally{tally(job.Completed, 10, time.Minute)}},
		Next:  []fleet.NextRun{{Repository: 7, Name: "r", AgentName: "web-1", At: testNow()}},
	}
	var out rest.Summary
	if err := json.Unmarshal(e.get("/api/fleet/summary").is(200).body, &out); err != nil {
		t.Fatal(err)
	}
	if s := out.Backups[0]; out.Agents.Online != 2 || out.Jobs.Waiting != 5 || s.Hours != 24 || s.Completed != 2 || s.Failed != 1 || s.DeduplicatedSize != 5 || len(out.NextRuns) != 1 || len(out.Days) != 1 || out.Days[0].Completed != 1 {
		t.Errorf("%+v", out)
	}
	e.get("/api/fleet/summary?x=1").is(422)
}
