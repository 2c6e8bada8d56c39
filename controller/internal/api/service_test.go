package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

func TestLogin(t *testing.T) {
	e := setup(t)
	form := "application/x-www-form-urlencoded"
	good := [][2]string{
		{"application/json", `{"username":"admin","password":"secret"}`},
		{form, "username=admin&password=secret"},
		{form, "grant_type=password&username=admin&password=secret&scope=&client_id=&client_secret="},
		{form + "; charset=utf-8", "username=admin&password=secret"},
		{form, `{"username":"admin","password":"secret"}`},
		{"", `{"username":"admin","password":"secret"}`},
	}
	for _, g := range good {
		var got rest.Token
		e.post("/api/auth/login", g[1], "Authorization", "", "Content-Type", g[0]).is(200).into(&got)
		if got != (rest.Token{AccessToken: "admin", TokenType: "bearer", ExpiresIn: 43200}) {
			t.Errorf("got %+v", got)
		}
	}
	if e.auth.from != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("from %v", e.auth.from)
	}
	for body, want := range map[string]int{
		"username=admin&password=wrong": 401, "username=admin": 422, "username=a&username=b&password=c": 422,
		"username=%zz": 400, "username=a&password=b&x=y": 422, "": 422, "username=a&password=" + strings.Repeat("p", 1025): 422,
	} {
		e.post("/api/auth/login", body, "Content-Type", form).is(want)
	}
	e.auth.err = &fault.Error{Kind: fault.TooMany, Code: "too_many_logins", Message: "too many failed logins", RetryAfter: 1500 * time.Millisecond}
	a := e.post("/api/auth/login", `{"username":"admin","password":"secret"}`).is(429)
	if a.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
	}
	if strings.Contains(e.log.String(), "secret") {
		t.Error("the password is in the log")
	}
}

func TestTokenHeaders(t *testing.T) {
	e := setup(t)
	tests := []struct {
		authorization, borg string
		want                string // user; empty: 401
	}{
		{"Bearer viewer", "", "the viewer"},
		{"bearer viewer", "", "the viewer"},
		{"Bearer  viewer ", "", "the viewer"},
		{"Basic abc", "Bearer operator", "the operator"},
		{"Bearer viewer", "Bearer operator", "the operator"},
		{"Bearer viewer", "Bearer bad", ""},
		{"Bearer viewer", "Basic abc", ""},
		{"viewer", "", ""},
		{"Bearer", "", ""},
		{"Basic viewer", "", ""},
	}
	for _, tt := range tests {
		a := e.get("/api/auth/me", "Authorization", tt.authorization, "X-Borg-Authorization", tt.borg)
		if tt.want == "" {
			a.is(401)
			continue
		}
		var got rest.Me
		if a.is(200).into(&got); got.Username != tt.want {
			t.Errorf("%+v: %+v", tt, got)
		}
	}
}

func TestPrincipalFromTheConnection(t *testing.T) {
	e := setup(t, func(o *api.Options) {
		o.Principal = func(r *http.Request) (api.Principal, bool) {
			return api.Principal{User: "root", Role: api.Admin}, r.Header.Get("X-Test-Socket") != ""
		}
	})
	var got rest.Me
	e.get("/api/auth/me", "Authorization", "", "X-Test-Socket", "1").is(200).into(&got)
	if got != (rest.Me{Username: "root", Role: "admin"}) {
		t.Errorf("got %+v", got)
	}
	e.get("/api/auth/me", "Authorization", "").is(401)
}

func TestService(t *testing.T) {
	var ready error
	e := setup(t, func(o *api.Options) { o.Ready = func() error { return ready } })
	e.get("/healthz", "Authorization", "").is(200)
	e.get("/readyz", "Authorization", "").is(200)
	ready = errors.New("open /secret/path: no")
	if a := e.get("/readyz").is(503); strings.Contains(string(a.body), "/secret") {
		t.Errorf("a stranger learns %s", a.body)
	}
	var s rest.Service
	e.get("/api", "Authorization", "").is(200).into(&s)
	if s != (rest.Service{Name: "borgfleet", Version: "1.2.3"}) {
		t.Errorf("got %+v", s)
	}
	var doc struct{ OpenAPI string }
	if e.get("/api/openapi.json").is(200).into(&doc); doc.OpenAPI != "3.1.0" {
		t.Errorf("got %q", doc.OpenAPI)
	}
}

func TestJoinTokens(t *testing.T) {
	e := setup(t)
	a := e.post("/api/agents/join-tokens", `{"name":"web-1","labels":{"site":"Wien 1","x":""},"ttl":"90m","uses":3}`).is(200)
	want := fleet.JoinTokenRequest{Name: "web-1", TTL: 90 * time.Minute, Uses: 3, By: "the admin"}
	got := e.fleet.joinToken
	if len(got.Labels) != 2 || got.Labels["site"] != "Wien 1" || got.Name != want.Name || got.TTL != want.TTL || got.Uses != want.Uses || got.By != want.By {
		t.Errorf("asked for %+v", got)
	}
	if string(a.body) != `{"token":"join","expires_at":"2024-01-15T11:10:00Z"}`+"\n" {
		t.Errorf("got %s", a.body)
	}
	e.post("/api/agents/join-tokens", ``).is(200)
	if got := e.fleet.joinToken; got.TTL != 0 || got.Uses != 0 || got.Name != "" {
		t.Errorf("asked for %+v", got)
	}
}

func TestPanicIsA500AndLoggedOnce(t *testing.T) {
	e := setup(t)
	e.fleet.boom = true
	p := e.get("/api/backup/status/1").is(500).problem()
	if p.Code != "internal" || strings.Contains(p.Detail, "boom") {
		t.Errorf("problem is %+v", p)
	}
	if n := strings.Count(e.log.String(), `"err":"boom"`); n != 1 || !strings.Contains(e.log.String(), "fake_test.go") {
		t.Errorf("logged %d times: %s", n, e.log.String())
	}
	e.fleet.boom = false
	e.fleet.add(documentedJob(job.Failed))
	e.get("/api/backup/status/123").is(200) // and the fleet's lock is free
}

func TestInternalErrorsAreLoggedAndNotTold(t *testing.T) {
	e := setup(t)
	e.fleet.err = errors.New("badger: /var/lib/secret is gone")
	if a := e.get("/api/backup/jobs").is(500); strings.Contains(string(a.body), "secret") {
		t.Errorf("told: %s", a.body)
	}
	if n := strings.Count(e.log.String(), "is gone"); n != 1 {
		t.Errorf("logged %d times: %s", n, e.log.String())
	}
}

// A client that has gone, or a controller that stops, is no error to look for.
func TestInterruptedRequest(t *testing.T) {
	f, log := newFakeFleet(), &syncBuffer{}
	f.err = context.Canceled
	h := api.New(api.Options{Fleet: f, Auth: &fakeAuth{}, Audit: &fakeAudit{}, Logger: slog.New(slog.NewJSONHandler(log, nil))})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/backup/cancel/1", nil)
	req.Header.Set("Authorization", "Bearer admin")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if rec.Code != 503 || strings.Contains(log.String(), "ERROR") || !strings.Contains(log.String(), `"status":499`) {
		t.Errorf("status %d, log %s", rec.Code, log)
	}
}

func TestAccessLog(t *testing.T) {
	e := setup(t)
	e.get("/api/backup/jobs?agent=top-secret")
	e.post("/api/backup/start", `{"repository":"/nothing"}`)
	e.http.CloseIdleConnections()
	e.server.Close() // waits for what is under way
	var levels []string
	for line := range strings.Lines(e.log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		levels = append(levels, entry["level"].(string))
		for _, key := range []string{"method", "path", "status", "bytes", "duration", "remote", "user", "code"} {
			if _, ok := entry[key]; !ok {
				t.Errorf("%s is missing: %s", key, line)
			}
		}
	}
	if strings.Join(levels, " ") != "DEBUG INFO" {
		t.Errorf("levels are %v", levels)
	}
	if strings.Contains(e.log.String(), "top-secret") || strings.Contains(e.log.String(), "Bearer") {
		t.Errorf("log: %s", e.log.String())
	}
}
