package local

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
)

// nobody is an agent without jobs.
type nobody struct{ Jobs }

func (nobody) Dirs() []*jobdir.Dir              { return nil }
func (nobody) Dir(job.Key) (*jobdir.Dir, bool)  { return nil, false }
func (nobody) Damaged() []job.Key               { return nil }
func (nobody) Repositories() []job.Repository   { return repositories() }
func (nobody) Linked() (bool, time.Time)        { return false, time.Time{} }
func (nobody) Drain(bool)                       {}
func (nobody) Draining() bool                   { return true }
func (nobody) AskRecoveryKey() (string, string) { return "", "" }
func (nobody) Underway() []*jobdir.Dir          { return nil }
func (nobody) Unreported() []*jobdir.Dir        { return nil }

// patient takes the deadlines that a recorder does not know.
type patient struct{ *httptest.ResponseRecorder }

func (patient) SetReadDeadline(time.Time) error { return nil }

// FuzzSocket: whatever is asked on the socket is answered, and that is never the
// agent's own error.
func FuzzSocket(f *testing.F) {
	s := New(Options{
		Jobs: nobody{}, Identity: state.Identity{Name: "web1"}, Logger: slog.New(slog.DiscardHandler),
		Link: func() string { return "x" }, Borg: func(context.Context) []Borg { return nil },
		CertificateExpires: func() time.Time { return time.Time{} },
	})
	h := s.handler()
	f.Add("GET", "/v1/status", "", "")
	f.Add("GET", "/v1/jobs", "limit=3", "")
	f.Add("GET", "/v1/jobs/019a/log", "from=1&follow=true", "")
	f.Add("POST", "/v1/jobs/7/cancel", "", "{}")
	f.Add("POST", "/v1/backups", "", `{"repository":"web"}`)
	f.Add("POST", "/v1/restores", "", `{"repository":"web","archive":"a","destination":"/d","paths":["x"]}`)
	f.Add("POST", "/v1/maintenance", "", `{"repository":"web","kind":"prune","keep":{"daily":7}}`)
	f.Add("DELETE", "/v1/drain", "", "")
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		ctx := context.WithValue(t.Context(), peerKey{}, peer{uid: uint32(os.Getuid())})
		r := (&http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Host: "agent", Header: http.Header{}}).WithContext(ctx)
		r.Body = http.NoBody
		if body != "" {
			r = r.Clone(ctx)
			r.Body = readCloser{strings.NewReader(body)}
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(patient{rec}, r)
		if rec.Code >= 500 {
			t.Errorf("%s %q?%q %q: %d %s", method, path, query, body, rec.Code, rec.Body)
		}
		if strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") && !json.Valid(bytes.TrimSpace(rec.Body.Bytes())) {
			t.Errorf("%s %q: %q", method, path, rec.Body)
		}
	})
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
