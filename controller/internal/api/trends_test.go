package api_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// tally is that of a job that began at once; took 0: when is not known.
func tally(s job.Status, size int64, took time.Duration) history.Tally {
	r := history.Row{Status: s, Original: size, Dedup: size / 10}
	if took > 0 {
		r.StartedAt, r.EndedAt = testNow(), testNow().Add(took)
	}
	return history.TallyOf(r)
}

// TestFleetTrends: what is not known is null, and what is nothing is nothing.
func TestFleetTrends(t *testing.T) {
	e := setup(t)
	e.fleet.trends = []history.Tally{
		{},
		tally(job.Completed, 100, time.Minute).Plus(tally(job.CompletedWithWarnings, 50, 2*time.Minute)).Plus(tally(job.Failed, 0, 0)).Plus(tally(job.Cancelled, 7, 0)),
		tally(job.Cancelled, 0, 0).Plus(tally(job.Running, 0, 0)),
	}
	var out rest.Trends
	if err := json.Unmarshal(e.get("/api/fleet/trends").is(200).body, &out); err != nil || len(out.Days) != 3 {
		t.Fatalf("%+v, %v", out, err)
	}
	if d := out.Days[0]; d.Date != "2024-01-15" || d.Jobs != 0 || d.OriginalSize != 0 || d.SuccessRate != nil || d.DurationSeconds != nil || d.MeanDurationSeconds != nil {
		t.Errorf("a day without a job: %+v", d)
	}
	if d := out.Days[1]; d.Date != "2024-01-16" || d.Jobs != 4 || *d.SuccessRate != 2./3 || d.OriginalSize != 157 || d.DeduplicatedSize != 15 || d.TimedJobs != 2 || *d.DurationSeconds != 180 || *d.MeanDurationSeconds != 90 {
		t.Errorf("%+v", d)
	}
	if d := out.Days[2]; d.Cancelled != 1 || d.Running != 1 || d.SuccessRate != nil {
		t.Errorf("nothing ended well or failed: %+v", d)
	}
	if sum := out.Total; sum.Jobs != 6 || *sum.SuccessRate != 2./3 || *sum.DurationSeconds != 180 {
		t.Errorf("%+v", sum)
	}
	if q := e.fleet.asked; q.Days != 30 || !slices.Equal(q.Kinds, []job.Kind{job.Backup}) {
		t.Errorf("asked for %+v", q)
	}
	e.get("/api/fleet/trends?days=800&agent=a&repository=r&label=x=y&kind=prune&kind=check").is(200)
	want := fleet.TrendQuery{Agent: "a", Repository: "r", Label: "x=y", Days: 800, Kinds: []job.Kind{job.Prune, job.Check}}
	if q := e.fleet.asked; q.Days != want.Days || q.Agent != want.Agent || q.Repository != want.Repository || q.Label != want.Label || !slices.Equal(q.Kinds, want.Kinds) {
		t.Errorf("asked for %+v", q)
	}
	for _, bad := range []string{"days=0", "days=801", "days=99999999999999999999", "days=x", "label=x", "agent=", "kind=copy", "since=2024-01-01T00:00:00Z"} {
		e.get("/api/fleet/trends?" + bad).is(422)
	}
}
