package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/fault"
	"borgfleet/shared/job"
)

// fakeMetrics remembers what it hears.
type fakeMetrics struct {
	mu    sync.Mutex
	heard []string // guarded by mu
	open  int      // streams; guarded by mu
	err   error
}

var _ api.Metrics = (*fakeMetrics)(nil)

func (m *fakeMetrics) hear(what string, open int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open += open
	if what != "" {
		m.heard = append(m.heard, what)
	}
}

func (m *fakeMetrics) Answered(operation string, status int, took time.Duration) {
	if took < 0 || took > time.Minute {
		operation += " after " + took.String()
	}
	m.hear(fmt.Sprintf("%s %d", operation, status), 0)
}

func (m *fakeMetrics) Streamed(operation string, status int) {
	m.hear(fmt.Sprintf("stream %s %d", operation, status), 0)
}

func (m *fakeMetrics) StreamOpened() func() {
	m.hear("", 1)
	return func() { m.hear("", -1) }
}

func (m *fakeMetrics) Page(w http.ResponseWriter, _ *http.Request) error {
	if m.err != nil {
		return m.err
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, err := w.Write([]byte("x 1\n"))
	return err
}

// take gives what was heard since the last time. That of an answer comes after the
// answer.
func (m *fakeMetrics) take(t *testing.T, n int) []string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		m.mu.Lock()
		if len(m.heard) >= n || time.Now().After(end) {
			out := m.heard
			m.heard = nil
			m.mu.Unlock()
			return out
		}
		m.mu.Unlock()
	}
}

func TestMetrics(t *testing.T) {
	m := &fakeMetrics{}
	e := setup(t, func(o *api.Options) { o.Metrics = m })
	if a := e.get("/metrics").is(200); string(a.body) != "x 1\n" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%s: %s", a.header.Get("Content-Type"), a.body)
	}
	e.get("/metrics", "Authorization", "Bearer viewer").is(200)
	e.get("/metrics", "Authorization", "").is(401)
	e.get("/metrics?x=1").is(422)
	e.post("/metrics", "{}").is(405)
	m.err = fault.Wrap(errors.New("a secret"), fault.Internal, "metrics_unreadable", "no")
	if a := e.get("/metrics").is(500); strings.Contains(string(a.body), "secret") {
		t.Errorf("the answer is %s", a.body)
	}
	setup(t).get("/metrics").is(503) // nobody measures
}

// TestWhatMetricsHear: each answer once, under the contract's name, whoever it was
// refused by; and what anybody asks for makes no names.
func TestWhatMetricsHear(t *testing.T) {
	m := &fakeMetrics{}
	e := setup(t, func(o *api.Options) { o.Metrics, o.Heartbeat = m, time.Millisecond })
	e.fleet.add(documentedJob(job.Running), "line")
	for _, tt := range []struct {
		do   func()
		want string
	}{
		{func() { e.get("/api/backup/jobs") }, "listJobs 200"},
		{func() { e.get("/api/backup/jobs?x=1") }, "listJobs 422"},
		{func() { e.get("/api/backup/jobs", "Authorization", "") }, "listJobs 401"},
		{func() { e.get("/api/users", "Authorization", "Bearer viewer") }, "listUsers 403"},
		{func() { e.do(http.MethodHead, "/healthz", "") }, "healthz 200"},
		{func() { e.get("/api/whatever/7") }, " 404"},
		{func() { e.post("/healthz", "{}") }, " 405"},
	} {
		tt.do()
		if got := m.take(t, 1); !slices.Equal(got, []string{tt.want}) {
			t.Errorf("heard %q, want %q", got, tt.want)
		}
	}
	e.fleet.busy = true
	e.auth.becomes(nil)
	e.hearsToTheEnd("/api/events", func() {
		m.mu.Lock()
		if m.open != 1 {
			t.Errorf("%d streams are open, and one is", m.open)
		}
		m.mu.Unlock()
		e.auth.becomes(func(api.Principal) (api.Principal, error) {
			return api.Principal{}, fault.New(fault.Unauthenticated, "bad_token", "no")
		})
	})
	if got := m.take(t, 1); !slices.Equal(got, []string{"stream events 200"}) || m.open != 0 {
		t.Errorf("heard %q, %d streams are open", got, m.open)
	}
	e.auth.becomes(nil)
	e.fleet.boom = true
	e.get("/api/backup/status/7").is(500)
	if got := m.take(t, 1); !slices.Equal(got, []string{"jobStatus 500"}) {
		t.Errorf("of a panic heard %q", got)
	}
}
