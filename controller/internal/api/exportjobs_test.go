package api_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

// TestExport gives all of a query, over more than one page, in both formats.
func TestExport(t *testing.T) {
	e := setup(t)
	const jobs = 1203
	for id := int64(1); id <= jobs; id++ {
		j := job.New(id, job.Key{byte(id), byte(id >> 8), 1}, "a", job.Spec{
			Kind: job.Backup, CreatedAt: testNow().Add(time.Duration(id) * time.Second), Repository: job.Repository{ID: 7, Path: "/r"},
		})
		if id == 7 {
			j.Status, j.Verdict = job.Failed, &job.Verdict{Status: job.Failed, EndedAt: testNow(), ErrorMessage: "=HYPERLINK(\"http://evil\"),\n\"quoted\""}
		}
		e.fleet.add(fleet.JobView{Job: j, AgentName: "+host"})
	}
	e.fleet.paged = true
	got := e.get("/api/jobs/export?kind=backup").is(200)
	rows, err := csv.NewReader(strings.NewReader(string(got.body))).ReadAll()
	if err != nil || len(rows) != jobs+1 || rows[0][0] != "id" || rows[1][0] != fmt.Sprint(jobs) || rows[jobs][0] != "1" {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		if row[0] == "7" && (row[2] != "'+host" || row[19] != "'=HYPERLINK(\"http://evil\"),\n\"quoted\"" || row[4] != "failed") {
			t.Errorf("%q", row)
		}
	}
	nd := e.get("/api/jobs/export", "Accept", "application/x-ndjson").is(200)
	lines := strings.Split(strings.TrimSpace(string(nd.body)), "\n")
	if len(lines) != jobs {
		t.Errorf("%d lines", len(lines))
	}
	for _, l := range lines {
		var j struct {
			ID     int64
			Status string
		}
		if err := json.Unmarshal([]byte(l), &j); err != nil || j.ID == 0 {
			t.Fatalf("%q: %v", l, err)
		}
	}
	e.fleet.jobs = map[int64]fleet.JobView{}
	if none := string(e.get("/api/jobs/export?format=csv").is(200).body); strings.Count(none, "\n") != 1 || !strings.HasPrefix(none, "id,kind,") {
		t.Errorf("of no jobs: %q", none)
	}
	for _, bad := range []string{"format=xml", "limit=5", "cursor=x", "status=bad", "format=csv&format=ndjson"} {
		e.get("/api/jobs/export?" + bad).is(422)
	}
}

// countingFleet counts the pages that were read.
type countingFleet struct {
	*fakeFleet
	pages, longest int
}

func (c *countingFleet) Jobs(ctx context.Context, q fleet.JobQuery) (fleet.JobPage, error) {
	c.pages++
	c.longest = max(c.longest, q.Limit)
	return c.fakeFleet.Jobs(ctx, q)
}

// slowWriter looks, whenever something is written, at how far the reading has come.
type slowWriter struct {
	*httptest.ResponseRecorder
	look func(rows int)
	rows int
}

func (w *slowWriter) Write(data []byte) (int, error) {
	w.look(w.rows)
	w.rows += bytes.Count(data, []byte("\n"))
	return len(data), nil
}

// TestExportHoldsOnePage: nothing is read before what was read is written, so that a
// client that is slow, or stops, has one page in memory, of any export.
func TestExportHoldsOnePage(t *testing.T) {
	const page, jobs = 500, 4321
	for _, format := range []string{"csv", "ndjson"} {
		f := &countingFleet{fakeFleet: newFakeFleet()}
		f.paged = true
		setup(t, func(o *api.Options) {
			o.Fleet = f
			for id := int64(1); id <= jobs; id++ {
				f.add(fleet.JobView{Job: job.New(id, job.Key{byte(id), byte(id >> 8), 1}, "a", job.Spec{Kind: job.Backup, CreatedAt: testNow()})})
			}
			w := &slowWriter{ResponseRecorder: httptest.NewRecorder()}
			w.look = func(rows int) {
				if f.pages > rows/page+2 { // of CSV a few rows are in a buffer
					t.Fatalf("%s: %d pages are read when %d rows are written", format, f.pages, rows)
				}
			}
			r := httptest.NewRequest(http.MethodGet, "/api/jobs/export?format="+format, nil)
			r.Header.Set("Authorization", "Bearer admin")
			api.New(*o).ServeHTTP(w, r)
			if w.Code != http.StatusOK || w.rows < jobs || f.longest > page {
				t.Errorf("%s: %d, %d rows, in pages of %d", format, w.Code, w.rows, f.longest)
			}
		})
	}
}
