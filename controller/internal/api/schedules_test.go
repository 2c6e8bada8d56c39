package api_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

func TestSchedules(t *testing.T) {
	e := setup(t)
	var made rest.Schedule
	answer := e.post("/api/schedule", `{"name": "nightly", "cron_expression": "0 2 * * *", "repository_id": 7}`).is(201)
	if err := json.Unmarshal(answer.body, &made); err != nil {
		t.Fatal(err)
	}
	if made.ID != 3 || made.Timezone != nil || made.RepositoryID == nil || *made.RepositoryID != 7 || !made.Enabled || made.CatchUp != 86400 || made.Overlap != "skip" || made.RetryDelay != 300 {
		t.Errorf("%s", answer.body)
	}
	e.post("/api/schedule", `{"name": "all", "cron_expression": "@hourly", "timezone": "Europe/Berlin", "repository_ids": [7, 8], "enabled": false,
		"run_prune_after": true, "run_compact_after": true, "run_check_after": true, "prune_keep_daily": 7, "prune_keep_within": "48H",
		"check_depth": "repository", "check_max_duration": "1h", "check_every": 604800, "splay": 1800, "catch_up": 0, "overlap": "queue", "retries": 3, "retry_delay": 60}`).is(201)
	got := e.fleet.schedules.all[1].Schedule
	want := schedule.Schedule{
		ID: got.ID, Name: "all", Cron: "@hourly", Zone: "Europe/Berlin", Overlap: schedule.OverlapQueue, Retries: 3,
		RetryDelay: time.Minute, Splay: 30 * time.Minute, CheckEvery: 7 * 24 * time.Hour,
		After: job.After{Prune: &job.PruneSpec{Keep: job.Keep{Daily: 7, Within: "48H"}}, Compact: true, Check: &job.CheckSpec{Depth: job.CheckRepository, MaxDuration: time.Hour}},
	}
	if !reflect.DeepEqual(got.Schedule, want) || !reflect.DeepEqual(got.Repositories, []int64{7, 8}) || got.By != "the admin" {
		t.Errorf("asked for %+v", got)
	}
	if list := string(e.get("/api/schedule").is(200).body); strings.Count(list, `"cron_expression"`) != 2 {
		t.Errorf("%s", list)
	}

	// What is left out stays, null is the host's zone, and false takes a step away.
	e.do("PUT", "/api/schedule/4", `{"timezone": null, "run_check_after": false, "prune_keep_daily": 0, "prune_keep_weekly": 4}`).is(200)
	got = e.fleet.schedules.all[1].Schedule
	want.Zone, want.After.Check, want.CheckEvery, want.After.Prune = "", nil, 0, &job.PruneSpec{Keep: job.Keep{Weekly: 4, Within: "48H"}}
	if !reflect.DeepEqual(got.Schedule, want) {
		t.Errorf("changed to %+v", got)
	}
	e.do("PUT", "/api/schedule/4", "").is(200)
	e.post("/api/schedule/4/toggle", "").is(200)
	if !e.fleet.schedules.all[1].Enabled {
		t.Error("it is still paused")
	}
	if got := string(e.post("/api/schedule/3/run-now", "").is(200).body); !strings.Contains(got, `{"job_id":125,"job_ids":[125],"status":"pending","message":"Backup job started"}`) {
		t.Errorf("%s", got)
	}
	if got := string(e.post("/api/schedule/4/run-now", "{}").is(200).body); !strings.Contains(got, `{"job_ids":[125,126],"status":"pending","message":"2 backup jobs started"}`) {
		t.Errorf("%s", got)
	}
	e.get("/api/schedule/3/next?n=5").is(200)
	if e.fleet.limit != 5 {
		t.Errorf("%d times were asked for", e.fleet.limit)
	}
	e.get("/api/schedule/3/next?n=5000").is(200)
	if e.fleet.limit != 100 {
		t.Errorf("%d times were asked for", e.fleet.limit)
	}
	e.get("/api/schedule/3/next?n=0").is(422)
	e.do("DELETE", "/api/schedule/3", "").is(204)
	e.get("/api/schedule/3").is(404)
	for _, r := range []struct{ method, path string }{{"GET", ""}, {"PUT", ""}, {"DELETE", ""}, {"POST", "/toggle"}, {"POST", "/run-now"}, {"GET", "/next"}} {
		e.do(r.method, "/api/schedule/99"+r.path, "").is(404)
		e.do(r.method, "/api/schedule/-99999999999999999999"+r.path, "").is(404)
		e.do(r.method, "/api/schedule/x"+r.path, "").is(422)
	}
}

// TestBadSchedules are refused, and the answer says where.
func TestBadSchedules(t *testing.T) {
	e := setup(t)
	good := `"name": "n", "cron_expression": "0 2 * * *", "repository_id": 7`
	for body, where := range map[string]string{
		`{"cron_expression": "0 2 * * *", "repository_id": 7}`:                                    "body.name",
		`{"name": "n", "repository_id": 7}`:                                                       "body.cron_expression",
		`{"name": "n", "cron_expression": "0 25 * * *", "repository_id": 7}`:                      "hour, character 3",
		`{"name": "n", "cron_expression": "0 2 30 2 *", "repository_id": 7}`:                      "never be due",
		`{"name": "n", "cron_expression": "* * * *", "repository_id": 7}`:                         "it has 4 fields",
		`{"name": "n", "cron_expression": 7, "repository_id": 7}`:                                 "body.cron_expression",
		`{"name": "a/b", "cron_expression": "0 2 * * *", "repository_id": 7}`:                     "body.name",
		`{` + good + `, "timezone": "Mars/Olympus"}`:                                              "body.timezone",
		`{` + good + `, "timezone": "../../etc/passwd"}`:                                          "body.timezone",
		`{` + good + `, "timezone": "Local"}`:                                                     "body.timezone",
		`{` + good + `, "repository_ids": [7, 8]}`:                                                "body.repository_id",
		`{` + good + `, "splay": 90000}`:                                                          "between 0 and 86400",
		`{` + good + `, "splay": -1}`:                                                             "between 0 and 86400",
		`{` + good + `, "splay": "-1s"}`:                                                          "between 0 and 86400 seconds",
		`{` + good + `, "catch_up": -1}`:                                                          "between 0 and 31622400",
		`{` + good + `, "retry_delay": -1}`:                                                       "between 60 and 86400",
		`{` + good + `, "run_check_after": true, "check_every": -1}`:                              "between 0 and 31622400",
		`{` + good + `, "check_every": 604800}`:                                                   "give run_check_after",
		`{` + good + `, "run_check_after": false, "check_every": 604800}`:                         "give run_check_after",
		`{` + good + `, "catch_up": 99999999999}`:                                                 "body.catch_up",
		`{` + good + `, "overlap": "both"}`:                                                       "body.overlap",
		`{` + good + `, "retries": 11}`:                                                           "body.retries",
		`{` + good + `, "retry_delay": 5}`:                                                        "body.retry_delay",
		`{` + good + `, "prune_keep_daily": 7}`:                                                   `"body.prune_keep_daily","message":"there is no prune that it could be for: give run_prune_after`,
		`{` + good + `, "run_prune_after": true, "prune_keep_daily": -1}`:                         "body.prune_keep_daily",
		`{` + good + `, "run_prune_after": true, "prune_keep_within": "soon"}`:                    `"body.prune_keep_within"`,
		`{` + good + `, "run_prune_after": true, "prune_keep_yearly": 99999999}`:                  `"body.prune_keep_yearly"`,
		`{` + good + `, "prune_keep_within": "2d"}`:                                               `"body.prune_keep_within"`,
		`{` + good + `, "check_depth": "data"}`:                                                   "give run_check_after",
		`{` + good + `, "run_check_after": true, "check_depth": "deep"}`:                          "body.check_depth",
		`{` + good + `, "run_check_after": true, "check_depth": "data", "check_max_duration": 5}`: "time limit",
		`{` + good + `, "enabled": "yes"}`:                                                        "body.enabled",
		`{` + good + `, "every": 5}`:                                                              "there is no such field",
		`{"name": "n", "cron_expression": "0 2 * * *", "repository_ids": "7"}`:                    "body.repository_ids",
		`{"name": "n", "cron_expression": "0 2 * * *", "repository_ids": [7.5]}`:                  "body.repository_ids",
	} {
		if got := string(e.post("/api/schedule", body).is(422).body); !strings.Contains(got, where) {
			t.Errorf("%s: no %q in %s", body, where, got)
		}
	}
	if got := string(e.post("/api/schedule", `{"every": 5}`).is(422).body); strings.Count(got, "cron_expression, ") != 1 || !strings.Contains(got, "known are name, ") {
		t.Errorf("a name is listed twice: %s", got)
	}
	if len(e.fleet.schedules.all) > 0 {
		t.Errorf("made %+v", e.fleet.schedules.all)
	}
	e.post("/api/schedule", `{`+good+`, "check_every": 0}`).is(201) // as it is answered
	e.post("/api/schedule", "").is(400)
	e.post("/api/schedule", "[").is(400)
	e.get("/api/schedule?name=n").is(422)
}

func TestValidateCron(t *testing.T) {
	e := setup(t)
	got := e.post("/api/schedule/validate-cron", `{"cron_expression": "30 2 * * 1-5", "timezone": "Europe/Berlin"}`).is(200)
	var times rest.CronTimes
	if err := json.Unmarshal(got.body, &times); err != nil || len(times.NextRuns) != 10 {
		t.Fatalf("%s, %v", got.body, err)
	}
	for _, at := range times.NextRuns {
		if local := at.UTC().Hour(); !at.After(testNow()) || local != 0 && local != 1 {
			t.Errorf("due at %s", at)
		}
	}
	for _, bad := range []string{`{}`, `{"cron_expression": ""}`, `{"cron_expression": "61 * * * *"}`, `{"cron_expression": "@daily", "timezone": "nowhere"}`, `{"cron_expression": "@daily", "n": 3}`} {
		e.post("/api/schedule/validate-cron", bad).is(422)
	}
}
