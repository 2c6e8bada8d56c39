package api_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"borgfleet/shared/job"
)

// TestRetention goes in and out as one object: a change replaces the whole of it,
// null takes it away, and what was told may be sent back.
func TestRetention(t *testing.T) {
	e := setup(t)
	given := map[string]any{"keep_daily": 7, "keep_quarterly": 1, "keep_within": "48H"}
	keep := job.Keep{Daily: 7, Quarterly: 1, Within: "48H"}
	var told struct{ Retention json.RawMessage }
	e.post("/api/repositories", fields(map[string]any{"retention": given})).is(201).into(&told)
	const want = `{"keep_hourly":0,"keep_daily":7,"keep_weekly":0,"keep_monthly":0,"keep_quarterly":1,"keep_yearly":0,"keep_within":"48H"}`
	if e.fleet.repository.Definition.Retention != keep || string(told.Retention) != want {
		t.Errorf("asked for %+v, told %s", e.fleet.repository.Definition.Retention, told.Retention)
	}
	for body, want := range map[string]job.Keep{
		`{}`:                                keep,
		`{"retention": ` + want + `}`:       keep,
		`{"retention": {"keep_weekly": 4}}`: {Weekly: 4},
		`{"retention": {"keep_daily": 1, "keep_within": null}}`: {Daily: 1},
		`{"retention": null}`: {},
	} {
		e.do("PUT", "/api/repositories/7", body).is(200)
		if got := e.fleet.update.Change(job.Repository{Retention: keep}).Retention; got != want {
			t.Errorf("%s makes %+v", body, got)
		}
	}
	for body, at := range map[string]string{
		`{"retention": {}}`: "body.retention",
		`{"retention": []}`: "body.retention",
		`{"retention": {"keep_daily": 1, "keep_daily": 2}}`:   "body.retention.keep_daily",
		`{"retention": {"keep_daily": 1, "keep_last": 2}}`:    "body.retention.keep_last",
		`{"retention": {"keep_daily": 1, "keep_within": ""}}`: "body.retention.keep_within",
		`{"retention": {"keep_weekly": 1.5}}`:                 "body.retention.keep_weekly",
	} {
		if got := e.do("PUT", "/api/repositories/7", body).is(422).locations(); !slices.Equal(got, []string{at}) {
			t.Errorf("%s is wrong at %v", body, got)
		}
	}
	e.post("/api/repositories/import", `{"name": "old", "path": "/srv/old", "retention": {"keep_within": "1y"}}`).is(201).into(&told)
	if e.fleet.repository.Definition.Retention != (job.Keep{Within: "1y"}) || !strings.Contains(string(told.Retention), `"keep_within":"1y"`) {
		t.Errorf("asked for %+v, told %s", e.fleet.repository.Definition.Retention, told.Retention)
	}
	e.post("/api/repositories", fields(nil)).is(201).into(&told)
	if string(told.Retention) != "null" {
		t.Errorf("without one it is told %s", told.Retention)
	}
}
