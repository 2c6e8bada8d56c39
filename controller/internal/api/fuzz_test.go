package api_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"borgfleet/controller/apitest"
	"borgfleet/controller/internal/api"
	"borgfleet/shared/job"
)

// Whatever a client sends: never a 5xx, and always an answer that the contract
// knows. What is accepted must be something that the contract allows.

func fuzzAPI() http.Handler {
	f := newFakeFleet()
	f.add(documentedJob(job.Failed), "one", "two")
	return api.New(api.Options{Fleet: f, Auth: &fakeAuth{}, Audit: &fakeAudit{}, Now: testNow, Logger: slog.New(slog.DiscardHandler)})
}

func check(t *testing.T, h http.Handler, c *apitest.Checker, req *http.Request, body string) {
	t.Helper()
	req.Header.Set("Authorization", "Bearer admin")
	req.Body = io.NopCloser(strings.NewReader(body))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if rec.Code >= 500 {
		t.Errorf("%s %q: %d %s", req.Method, req.URL, rec.Code, rec.Body)
	}
	for _, err := range c.Violations(req, []byte(body), rec.Result(), rec.Body.Bytes()) {
		t.Errorf("%s %q %q: %d: %v", req.Method, req.URL, body, rec.Code, err)
	}
}

func FuzzBody(f *testing.F) {
	paths := []string{"/api/backup/start", "/api/agents/join-tokens", "/api/repositories", "/api/auth/login"}
	for i := range paths {
		f.Add(uint8(i), true, `{"repository":"/local/backups/my-repo","agent":null}`)
		f.Add(uint8(i), true, fields(map[string]any{"compression": "auto,zstd,3", "lock_wait": "10m", "passphrase": "x", "exclude_patterns": []string{"re:x"}}))
		f.Add(uint8(i), true, `{"name":"a","labels":{"x":"y"},"ttl":60,"uses":2}`)
		f.Add(uint8(i), false, "username=admin&password=secret&scope=")
		f.Add(uint8(i), false, `{"a":[{"b":1e400,"\ud800":"\u0000"}]} `)
	}
	h, c := fuzzAPI(), apitest.NewChecker(f)
	f.Fuzz(func(t *testing.T, which uint8, isJSON bool, body string) {
		req := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: paths[int(which)%len(paths)]}, Header: http.Header{}}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if isJSON {
			req.Header.Set("Content-Type", "application/json")
		}
		check(t, h, c, req, body)
	})
}

func FuzzQuery(f *testing.F) {
	paths := []string{"/api/backup/jobs", "/api/backup/logs/123/stream", "/api/backup/logs/123/download", "/api"}
	for i := range paths {
		f.Add(uint8(i), "limit=5&offset=1&scheduled_only=true&status=failed&status=running&kind=prune")
		f.Add(uint8(i), "since=2024-01-15T10:00:00Z&until=2024-01-15T10:00:00%2B01:00&label=a=b&cursor=x&schedule_id=1")
		f.Add(uint8(i), "token=viewer&x=%zz;limit=%00&&=")
	}
	h, c := fuzzAPI(), apitest.NewChecker(f)
	f.Fuzz(func(t *testing.T, which uint8, query string) {
		req := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: paths[int(which)%len(paths)], RawQuery: query}, Header: http.Header{}}
		check(t, h, c, req, "")
	})
}

func FuzzPath(f *testing.F) {
	for _, p := range []string{"/api/backup/status/123", "/api/backup/cancel/-1/", "/api/repositories/%31", "/api/agents/a%2Fb", "//", "/api/../x", "*", "", "/api/backup/logs/9223372036854775808/stream"} {
		f.Add("GET", p)
		f.Add("POST", p)
	}
	h, c := fuzzAPI(), apitest.NewChecker(f)
	f.Fuzz(func(t *testing.T, method, path string) {
		u, err := url.ParseRequestURI("http://h" + path)
		if err != nil || method == "" {
			t.Skip()
		}
		check(t, h, c, &http.Request{Method: method, URL: u, Header: http.Header{}}, "")
	})
}

// FuzzHeaders: what a client, or a proxy that is believed, says beside a request.
func FuzzHeaders(f *testing.F) {
	paths := []string{"/api/events", "/api/backup/logs/123/stream", "/api/auth/me", "/api/openapi.json", "/api/auth/login"}
	for i := range paths {
		f.Add(uint8(i), "7", "203.0.113.9, 127.0.0.1", "text/event-stream", "Bearer viewer")
		f.Add(uint8(i), "x-99999999999999999999", "[::1%eth0]:99999,,\x00", "text/*;q=0, */*;q=x", "bearer  \u00a0")
		f.Add(uint8(i), "-1", "unknown", "application/json", "Basic x")
	}
	fleet := newFakeFleet()
	fleet.add(documentedJob(job.Failed), "one", "two")
	h := api.New(api.Options{
		Fleet: fleet, Auth: &fakeAuth{}, Audit: &fakeAudit{}, Now: testNow, Logger: slog.New(slog.DiscardHandler),
		Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	c := apitest.NewChecker(f)
	f.Fuzz(func(t *testing.T, which uint8, last, forwarded, accept, authorization string) {
		path := paths[int(which)%len(paths)]
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // a stream ends at once
		req := (&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}, Header: http.Header{}, RemoteAddr: "127.0.0.1:1"}).WithContext(ctx)
		if path == "/api/auth/login" {
			req.Method = http.MethodPost
		}
		for name, value := range map[string]string{"Last-Event-ID": last, "X-Forwarded-For": forwarded, "Accept": accept, "If-None-Match": last, "Content-Type": accept} {
			req.Header.Set(name, value)
		}
		req.Header.Set("X-Borg-Authorization", authorization)
		req.Body = http.NoBody
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if strings.Contains(rec.Body.String(), `"code":"interrupted"`) {
			return // what else is answered to one who has gone
		}
		if rec.Code >= 500 {
			t.Errorf("%s %q %q: %d %s", req.Method, path, req.Header, rec.Code, rec.Body)
		}
		for _, err := range c.Violations(req, nil, rec.Result(), rec.Body.Bytes()) {
			t.Errorf("%s %q %q: %d: %v", req.Method, path, req.Header, rec.Code, err)
		}
	})
}
