package ping

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestPings only while the controller can do its work, and never tells its URL.
func TestPings(t *testing.T) {
	var calls, checks atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/t0ps3cret" {
			t.Errorf("called %s", r.URL.Path)
		}
		if calls.Add(1) == 2 {
			w.WriteHeader(500)
		}
	}))
	defer server.Close()
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	var began time.Time
	var p *Pinger
	p = New(Options{Now: time.Now, URL: server.URL + "/t0ps3cret", Every: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil)), Check: func(context.Context) error {
		if n := checks.Add(1); n > 4 && n < 10 {
			if st := p.State(); n > 5 && (st.FailingSince.Before(st.LastSuccess) || st.LastSuccess.Before(began)) {
				t.Errorf("it fails, and that is not told: %+v", st)
			}
			return errors.New("the disk is full")
		} else if n == 10 && calls.Load() != 4 {
			t.Errorf("%d calls, and 4 times it could work", calls.Load())
		} else if n == 12 {
			if st := p.State(); !st.FailingSince.IsZero() || st.LastSuccess.Before(began) {
				t.Errorf("it goes well again, and that is not told: %+v", st)
			}
			cancel()
		}
		return nil
	}})
	began = time.Now()
	if p.State() != (State{}) {
		t.Errorf("before the first call: %+v", p.State())
	}
	p.Run(ctx)
	text := log.String()
	if strings.Contains(text, "t0ps3cret") || strings.Count(text, "the disk is full") != 1 || !strings.Contains(text, "500 Internal") || strings.Count(text, "called again") != 2 {
		t.Error(text)
	}
	New(Options{}).Run(t.Context()) // without a URL it ends at once
}
