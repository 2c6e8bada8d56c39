package e2e

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

// follower reads a stream as a browser does: cut off, it comes back with the
// last id that it had. It reads only when it is asked for something.
type follower struct {
	t    *testing.T
	env  *testenv.Env
	api  *testenv.API
	path string

	last   string
	opened int // how often
	lines  []string
	bytes  int // of the lines' events
	stream *testenv.Stream
	ctx    context.Context
}

func follow(t *testing.T, env *testenv.Env, api *testenv.API, path string) *follower {
	t.Helper()
	// Nothing here waits for ever: a stream that says nothing fails its test.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	f := &follower{t: t, env: env, api: api, path: path, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		if f.stream != nil {
			f.stream.Close()
		}
	})
	f.open()
	return f
}

func (f *follower) open() {
	f.t.Helper()
	err := f.env.Await(f.path+" is open", func() (bool, error) {
		s, err := f.api.Stream(f.ctx, f.path, f.last)
		if p, ok := errors.AsType[*testenv.Problem](err); ok && p.Status != http.StatusTooManyRequests {
			f.t.Fatalf("%s: %v", f.path, err)
		}
		f.stream = s
		return err == nil, err
	})
	fatal(f.t, err)
	f.opened++
}

// next is the next event, on this connection or another.
func (f *follower) next() testenv.Event {
	f.t.Helper()
	for {
		e, err := f.stream.Next()
		f.last = f.stream.Last
		switch {
		case err == nil && e.Name == "":
			continue
		case err == nil:
			return e
		case f.ctx.Err() != nil:
			f.t.Fatalf("%s: waited in vain, with %d lines: %v", f.path, len(f.lines), err)
		}
		f.stream.Close()
		f.open()
	}
}

// hears reads on until an event is what it waits for.
func (f *follower) hears(what string, is func(testenv.Event) bool) {
	f.t.Helper()
	for {
		e := f.next()
		if is(e) {
			return
		}
		if e.Name == "end" {
			f.t.Fatalf("%s ended before: %s", f.path, what)
		}
	}
}

// line keeps the next line of a log, whose numbers have no gap and no double.
// It gives false, and the job, at the end.
func (f *follower) line() (j testenv.Job, more bool) {
	f.t.Helper()
	for {
		e := f.next()
		switch e.Name {
		case "end":
			decode(f.t, e.Data, &j)
			return j, false
		case "line":
			var l testenv.Line
			decode(f.t, e.Data, &l)
			if l.Number != uint64(len(f.lines)+1) || e.ID != itoa(int64(l.Number)) {
				f.t.Fatalf("after %d lines comes number %d with id %q", len(f.lines), l.Number, e.ID)
			}
			f.lines = append(f.lines, l.Content)
			f.bytes += len(e.Data)
			return j, true
		}
	}
}

// until reads the log on until it has n lines.
func (f *follower) until(n int) {
	f.t.Helper()
	for len(f.lines) < n {
		if j, more := f.line(); !more {
			f.t.Fatalf("job %d ended with %d lines, want %d", j.ID, len(f.lines), n)
		}
	}
}

// toEnd reads the log to its end.
func (f *follower) toEnd() testenv.Job {
	f.t.Helper()
	for {
		if j, more := f.line(); !more {
			return j
		}
	}
}

// narrow is a connection that takes little of what it is not asked to read.
type narrow struct{ net.Conn }

func (n *narrow) api(like *testenv.API) *testenv.API {
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) { set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1) })
		return errors.Join(err, set)
	}}
	other := *like
	other.HTTP = &http.Client{Transport: &http.Transport{
		ReadBufferSize:    1,
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := d.DialContext(ctx, network, addr)
			n.Conn = c
			return c, err
		},
	}}
	return &other
}

// through is REST behind a proxy that can be cut.
func through(t *testing.T, env *testenv.Env) (*testenv.API, *testenv.Proxy) {
	t.Helper()
	p, err := testenv.NewProxy()
	fatal(t, err)
	t.Cleanup(func() { p.Close() })
	p.To(strings.TrimPrefix(env.API.URL, "http://"))
	api := *env.API
	api.URL = "http://" + p.Addr()
	return &api, p
}
