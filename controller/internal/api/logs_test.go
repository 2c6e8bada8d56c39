package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"borgfleet/controller/apitest"
	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

const (
	streamURL   = "/api/backup/logs/123/stream"
	downloadURL = "/api/backup/logs/123/download"
)

// Which jobs show their log, by policy: in the list, the status, the stream and
// the download alike.
func TestLogPolicy(t *testing.T) {
	shown := map[api.LogPolicy][]job.Status{
		api.LogsOfFailed:   {job.Failed, job.Cancelled},
		api.LogsOfWarnings: {job.Failed, job.Cancelled, job.CompletedWithWarnings},
		api.LogsOfAll:      {job.Failed, job.Cancelled, job.CompletedWithWarnings, job.Completed},
	}
	for policy, statuses := range shown {
		for _, s := range job.Statuses() {
			e := setup(t, func(o *api.Options) { o.LogPolicy = policy })
			e.fleet.add(documentedJob(s), "one", "two")
			ended := false
			for _, x := range statuses {
				ended = ended || x == s
			}
			readable := ended || !s.Final()

			var list rest.JobList
			e.get("/api/backup/jobs").is(200).into(&list)
			if list.Jobs[0].HasLogs != readable {
				t.Errorf("%s, %s: has_logs is %v", policy, s, list.Jobs[0].HasLogs)
			}
			var status rest.JobStatus
			e.get("/api/backup/status/123").is(200).into(&status)
			if (status.Logs != nil) != ended || ended && *status.Logs != "one\ntwo\n" {
				t.Errorf("%s, %s: logs is %v", policy, s, status.Logs)
			}
			var page rest.LogPage
			stream := e.get(streamURL).is(200)
			apitest.CheckDocumented(t, "stream", stream.body)
			stream.into(&page)
			if (page.TotalLines == 2 && len(page.Lines) == 2) != readable || !readable && (page.TotalLines != 0 || page.HasMore) {
				t.Errorf("%s, %s: stream is %+v", policy, s, page)
			}
			want := http.StatusNotFound
			if ended {
				want = http.StatusOK
			} else if !s.Final() {
				want = http.StatusBadRequest
			}
			if a := e.get(downloadURL); a.status != want {
				t.Errorf("%s, %s: download is %d", policy, s, a.status)
			}
		}
	}
}

// TestLogsOfFolders have names of files, which viewers are not told otherwise.
func TestLogsOfFolders(t *testing.T) {
	e := setup(t)
	v := documentedJob(job.Failed)
	v.Spec.Kind, v.Spec.List = job.List, &job.ListSpec{Archive: "a", Path: "etc"}
	e.fleet.add(v, "shadow")
	for role, want := range map[string]int{"viewer": http.StatusForbidden, "operator": http.StatusOK} {
		may, as := want == http.StatusOK, []string{"Authorization", "Bearer " + role}
		e.get(streamURL, as...).is(want)
		e.get(streamURL, append(as, "Accept", rest.EventStreamType)...).is(want)
		e.get(downloadURL, as...).is(want)
		e.get(downloadURL+"?token="+role, "Authorization", "").is(want)
		e.post("/api/backup/logs/123/download-token", "", as...).is(want)
		var status rest.JobStatus
		e.get("/api/backup/status/123", as...).is(200).into(&status)
		var list rest.JobList
		e.get("/api/backup/jobs?kind=list", as...).is(200).into(&list)
		if (status.Logs != nil) != may || list.Jobs[0].HasLogs != may {
			t.Errorf("%s: logs %v, has_logs %v", role, status.Logs, list.Jobs[0].HasLogs)
		}
	}
}

func TestStreamOffsets(t *testing.T) {
	e := setup(t)
	e.fleet.add(documentedJob(job.Failed), "a", "b", "c", "d")
	tests := []struct {
		query string
		first uint64 // 0: no lines
		count int
		more  bool
	}{
		{"", 1, 4, false},
		{"?offset=2", 3, 2, false},
		{"?offset=1&limit=2", 2, 2, true},
		{"?offset=4", 0, 0, false},
		{"?offset=99999999999999999999999", 0, 0, false},
		{"?limit=100000", 1, 4, false},
	}
	for _, tt := range tests {
		var page rest.LogPage
		e.get(streamURL + tt.query).is(200).into(&page)
		if len(page.Lines) != tt.count || page.HasMore != tt.more || page.TotalLines != 4 || tt.count > 0 && page.Lines[0].LineNumber != tt.first {
			t.Errorf("%s: %+v", tt.query, page)
		}
	}
	for _, q := range []string{"?offset=-1", "?offset=x", "?limit=0", "?limit=-3", "?offset=1.5", "?offset=1&offset=2", "?offset=", "?follow=1"} {
		e.get(streamURL + q).is(422)
	}
}

func TestStreamIsBounded(t *testing.T) {
	e := setup(t)
	e.fleet.add(documentedJob(job.Failed), make([]string, 6001)...)
	for query, want := range map[string]int{"?limit=5001": 5000, "": 5000, "?limit=777": 777, "?offset=5900": 101, "?offset=501&limit=500": 500} {
		var page rest.LogPage
		e.get(streamURL + query).is(200).into(&page)
		first := page.Lines[0].LineNumber
		last := page.Lines[len(page.Lines)-1].LineNumber
		if len(page.Lines) != want || last-first != uint64(want-1) || page.HasMore != (last < 6001) || page.TotalLines != 6001 {
			t.Errorf("%s: %d lines, %d to %d, more: %v", query, len(page.Lines), first, last, page.HasMore)
		}
	}
	long := make([]string, 2000)
	for i := range long {
		long[i] = strings.Repeat("x", 20_000)
	}
	e.fleet.logs = map[int64][]fleet.LogLine{}
	e.fleet.add(documentedJob(job.Failed), long...)
	a := e.get(streamURL).is(200)
	var page rest.LogPage
	if a.into(&page); !page.HasMore || len(page.Lines) == 0 || len(a.body) > 20<<20 {
		t.Errorf("%d lines in %d bytes, more: %v", len(page.Lines), len(a.body), page.HasMore)
	}
}

func TestDownload(t *testing.T) {
	e := setup(t)
	var lines []string
	for i := range 2345 {
		lines = append(lines, fmt.Sprintf("line %d", i+1))
	}
	lines[1] = "file /a\nline 9: forged\r\nand\rmore"
	e.fleet.add(documentedJob(job.Failed), lines...)
	a := e.get(downloadURL+"?token=viewer", "Authorization", "").is(200)
	rows := strings.Split(string(a.body), "\n")
	if len(rows) != 2345+3+1 || rows[2] != "    line 9: forged" || rows[3] != "    and" || rows[4] != "    more" || rows[2347] != "line 2345" {
		t.Errorf("%d rows: %q", len(rows), rows[:6])
	}
	if got := a.header.Get("Content-Disposition"); got != `attachment; filename="backup_job_123_logs.txt"` {
		t.Errorf("Content-Disposition is %s", got)
	}
	if strings.Contains(e.log.String(), "viewer?") || strings.Contains(e.log.String(), "token=") {
		t.Errorf("the token is in the log: %s", e.log.String())
	}
	e.get(downloadURL+"?token=bad", "Authorization", "").is(401)
	e.get(downloadURL+"?token=", "Authorization", "").is(401)
	e.get(downloadURL+"?token=viewer", "Authorization", "Basic eDp5").is(200)
	e.get(streamURL+"?token=viewer", "Authorization", "").is(401) // for this route only
	e.get(streamURL + "?token=viewer").is(422)
	var status rest.JobStatus
	e.get("/api/backup/status/123").is(200).into(&status)
	if got := strings.Count(*status.Logs, "\n"); got != 200 || !strings.HasPrefix(*status.Logs, "line 2146\n") {
		t.Errorf("%d lines in the status: %.20s", got, *status.Logs)
	}
}

// A log that cannot be read to its end must not look whole.
func TestDownloadThatFailsOnTheWay(t *testing.T) {
	e := setup(t)
	e.fleet.add(documentedJob(job.Failed), strings.Split(strings.Repeat("x,", 3000), ",")...)
	e.fleet.failLogAfter = 1000
	req, err := http.NewRequest(http.MethodGet, e.server.URL+downloadURL+"?token=viewer", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return // cut before the head was through
	}
	defer resp.Body.Close()
	buf := make([]byte, 1<<20)
	for {
		if _, err = resp.Body.Read(buf); err != nil {
			break
		}
	}
	if err.Error() == "EOF" {
		t.Error("half a log came without an error")
	}
}
