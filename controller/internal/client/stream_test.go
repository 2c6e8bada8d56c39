package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"borgfleet/controller/internal/client"
)

// script answers one connection after the other; the last one stays.
type script struct {
	asked   []string // Last-Event-ID of each
	at      []time.Duration
	began   time.Time
	answers []func(*http.Request) (*http.Response, error)
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r.Header.Get("Last-Event-ID"))
	s.at = append(s.at, time.Since(s.began))
	next := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return next(r)
}

// scripted is a client of the answers. It needs no network, so that a test can
// let minutes pass.
func scripted(t *testing.T, answers ...func(*http.Request) (*http.Response, error)) (*client.Client, *script) {
	t.Helper()
	c, err := client.New("http://controller", "t0ken")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{answers: answers, began: time.Now()}
	c.Wrap(func(http.RoundTripper) http.RoundTripper { return s })
	return c, s
}

func problem(status int) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader(""))}, nil
	}
}

func gone(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }

// says streams text; open leaves the connection standing with nothing more to
// say until the request ends.
func says(text string, open bool) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		pr, pw := io.Pipe()
		go func() {
			io.WriteString(pw, text)
			if open {
				<-r.Context().Done()
			}
			pw.CloseWithError(io.EOF)
		}()
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}, Body: pr}, nil
	}
}

const (
	one  = "event: line\nid: 1\ndata: {\"line_number\":1,\"content\":\"a\"}\n\n"
	two  = "event: line\nid: 2\ndata: {\"line_number\":2,\"content\":\"b\\n\"}\n\n"
	last = "event: end\ndata: {\"id\":7,\"status\":\"failed\"}\n\n"
)

// read follows job 7 and keeps what was told.
func read(ctx context.Context, c *client.Client) (told string, err error) {
	err = c.Follow(ctx, 7, 0, func(e client.LogEvent) error {
		switch {
		case e.Line != nil:
			told += e.Line.Content + ";"
		case e.End != nil:
			told += e.End.Status + ";"
		case e.Job != nil:
			told += e.Job.Status + ";"
		}
		return nil
	})
	return told, err
}

// A connection that is cut, in the middle of an event too, one that falls
// silent, and a controller that restarts or has not noticed the cut: no line is
// missed and none is told twice.
func TestFollowGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := scripted(t, says(": heartbeat\n\n"+one+two[:20], false), gone, problem(503), problem(429), says(two, true), says(last, false))
		told, err := read(t.Context(), c)
		if err != nil || told != "a;b\n;failed;" {
			t.Errorf("told %q, %v", told, err)
		}
		if want := []string{"", "1", "1", "1", "1", "2"}; !slices.Equal(s.asked, want) {
			t.Errorf("asked after %q, want %q", s.asked, want)
		}
		if d := s.at[5] - s.at[4]; d < 60*time.Second || d > 61*time.Second {
			t.Errorf("a silent connection was given up after %s", d)
		}
	})
}

// A controller that stays away, or that says no, ends it; one that was never
// there is not asked twice.
func TestFollowGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, tt := range map[string]struct {
			answers []func(*http.Request) (*http.Response, error)
			within  time.Duration
			most    int // requests
		}{
			"never there":    {[]func(*http.Request) (*http.Response, error){gone}, 0, 1},
			"never ready":    {[]func(*http.Request) (*http.Response, error){problem(503)}, 0, 1},
			"no stream":      {[]func(*http.Request) (*http.Response, error){problem(200)}, 0, 1},
			"says no":        {[]func(*http.Request) (*http.Response, error){says(one, false), problem(401)}, time.Second, 2},
			"stays away":     {[]func(*http.Request) (*http.Response, error){says(one, false), gone}, 2*time.Minute + 5*time.Second, 80},
			"no event of it": {[]func(*http.Request) (*http.Response, error){says("event: end\ndata: {\n\n", false)}, 0, 1},
		} {
			c, s := scripted(t, tt.answers...)
			_, err := read(t.Context(), c)
			if took := time.Since(s.began); err == nil || took > tt.within || len(s.asked) > tt.most {
				t.Errorf("%s: %v after %s and %d requests", name, err, took, len(s.asked))
			}
		}
	})
}

// A proxy that takes each connection and drops it at once is not asked without
// pause.
func TestFollowDoesNotRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := scripted(t, says(": heartbeat\n\n", false))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := read(ctx, c); !errors.Is(err, context.DeadlineExceeded) || len(s.asked) > 40 {
			t.Errorf("%d requests in a minute, %v", len(s.asked), err)
		}
	})
}

// The fleet's events go on for ever, and say when something may have been
// missed.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const job = "event: job\nid: x-5\ndata: {\"id\":7,\"status\":\"running\"}\n\n"
		c, s := scripted(t, says(": heartbeat\nid: x-4\n\n"+job, false), gone, says("event: reset\nid: y-1\ndata: {\"reason\":\"r\"}\n\n", false),
			says("event: removed\nid: y-2\ndata: {\"job_id\":7}\n\n", true))
		var told []string
		err := c.Events(t.Context(), client.EventFilter{Types: []string{"job"}, Agent: "web1"}, func(e client.FleetEvent) error {
			switch {
			case e.Job != nil:
				told = append(told, e.Job.Status)
			case e.Reset:
				told = append(told, "reset")
			case e.Opened:
				told = append(told, "opened")
			case e.Cut != nil:
				told = append(told, "cut")
			case e.Removed != nil:
				told = append(told, "removed")
				return client.ErrEnough
			}
			return nil
		})
		want := []string{"reset", "running", "cut", "cut", "opened", "reset", "cut", "opened", "removed"}
		if err != nil || !slices.Equal(told, want) {
			t.Errorf("told %q, %v\nwant %q", told, err, want)
		}
		if want := []string{"", "x-5", "x-5", "y-1"}; !slices.Equal(s.asked, want) {
			t.Errorf("asked after %q, want %q", s.asked, want)
		}
	})
}

// A connection that was cut before it gave a place to come back to says nothing
// of what was missed.
func TestEventsWithoutAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := scripted(t, says("", false), says("", true))
		resets := 0
		err := c.Events(t.Context(), client.EventFilter{}, func(e client.FleetEvent) error {
			switch {
			case e.Opened:
				t.Error("nothing was missed, it says")
				return client.ErrEnough
			case e.Reset:
				if resets++; resets == 2 {
					return client.ErrEnough
				}
			}
			return nil
		})
		if err != nil || resets != 2 {
			t.Errorf("%d resets, %v", resets, err)
		}
	})
}

// What who hears it says ends a stream, and is what it gives.
func TestStreamEndsOnRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		for _, stop := range []error{boom, client.ErrEnough} {
			c, s := scripted(t, says(one+two, true))
			err := c.Follow(t.Context(), 7, 0, func(client.LogEvent) error { return stop })
			if stop == boom && !errors.Is(err, boom) || stop != boom && err != nil || len(s.asked) != 1 {
				t.Errorf("%v: %v, %d requests", stop, err, len(s.asked))
			}
		}
	})
}
