package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"borgfleet/controller/apitest"
	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

func testNow() time.Time { return time.Date(2024, 1, 15, 10, 10, 0, 987654321, time.UTC) }

// env is an API on a real server, with a fleet in memory. Every answer passes
// the checker.
type env struct {
	t      *testing.T
	fleet  *fakeFleet
	auth   *fakeAuth
	audit  *fakeAudit
	told   *fakePost
	log    *syncBuffer
	server *httptest.Server
	http   *http.Client
}

func setup(t *testing.T, change ...func(*api.Options)) *env {
	t.Helper()
	e := &env{t: t, fleet: newFakeFleet(), auth: &fakeAuth{}, audit: &fakeAudit{}, told: newFakePost(), log: &syncBuffer{}}
	o := api.Options{
		Fleet: e.fleet, Auth: e.auth, Audit: e.audit, Post: e.told, Version: "1.2.3", Now: testNow,
		Logger: slog.New(slog.NewJSONHandler(e.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&o)
	}
	e.server = httptest.NewUnstartedServer(nil)
	e.server.Config = api.HTTPServer(api.New(o), o.Logger)
	e.server.Start()
	t.Cleanup(e.server.Close)
	e.http = &http.Client{
		Transport:     apitest.NewChecker(t).RoundTripper(&http.Transport{}),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(e.http.CloseIdleConnections)
	return e
}

// answer is what came back.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// do sends a request as admin, unless header says otherwise. Header has names
// and values in turn.
func (e *env) do(method, path, body string, header ...string) answer {
	e.t.Helper()
	req, err := http.NewRequest(method, e.server.URL+path, strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer admin")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			req.Header.Del(header[i])
		}
	}
	resp, err := e.http.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	return answer{e.t, resp.StatusCode, resp.Header, data}
}

func (e *env) get(path string, header ...string) answer {
	e.t.Helper()
	return e.do(http.MethodGet, path, "", header...)
}

func (e *env) post(path, body string, header ...string) answer {
	e.t.Helper()
	return e.do(http.MethodPost, path, body, header...)
}

// is fails unless the status is the one wanted.
func (a answer) is(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status is %d, not %d: %s", a.status, status, a.body)
	}
	return a
}

func (a answer) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		a.t.Fatalf("%v: %s", err, a.body)
	}
}

func (a answer) problem() rest.Problem {
	a.t.Helper()
	var p rest.Problem
	a.into(&p)
	return p
}

// locations are where the problem's errors are.
func (a answer) locations() []string {
	a.t.Helper()
	var out []string
	for _, f := range a.problem().Errors {
		out = append(out, f.Location)
	}
	return out
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// documentedJob is the one of the documented example.
func documentedJob(status job.Status) fleet.JobView {
	start := time.Date(2024, 1, 15, 10, 0, 0, 500, time.UTC)
	spec := job.Spec{
		Kind: job.Backup, CreatedAt: start, TriggeredBy: job.ByManual,
		Repository: job.Repository{ID: 7, Name: "my-repo", Path: "/local/backups/my-repo"},
	}
	j := job.New(123, job.Key{1}, "a-1", spec)
	j.Status = status
	if status == job.Pending {
		return fleet.JobView{Job: j, AgentName: "web-1", WaitingFor: "agent offline"}
	}
	j.Register = job.Register{
		Version: 1, Phase: job.PhaseStarted, StartedAt: start, ArchiveName: "web-1-x", BorgVersion: "1.4.0",
		BorgPhase: "archive.create", BorgRunning: true,
		Progress: job.Progress{
			OriginalSize: 7000000000, CompressedSize: 5600000000, DedupSize: 1400000000, NFiles: 10023,
			CurrentFile: "/data/documents/report.pdf", Percent: 65.999, Speed: 125.5,
			TotalExpected: 10737418240, TotalSource: job.TotalWalk, ETA: 180,
		},
	}
	if status.Final() {
		code := 2
		j.Verdict = &job.Verdict{
			Status: status, ExitCode: &code, ErrorCode: "lock_timeout", ErrorMessage: "repository locked",
			StartedAt: start, EndedAt: start.Add(930 * time.Second), Progress: j.Register.Progress, BorgVersion: "1.4.0", ArchiveName: "web-1-x",
		}
	}
	return fleet.JobView{Job: j, AgentName: "web-1", AgentOnline: true, LastContactAt: testNow()}
}
