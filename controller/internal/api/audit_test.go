package api_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/audit"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
	"borgfleet/shared/seal"
)

// setupAudit is an API whose people and audit log are real.
func setupAudit(t *testing.T, change ...func(*api.Options)) (*people, *audit.Trail) {
	t.Helper()
	st := openStore(t)
	trail := audit.New(audit.Options{Store: st, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	return peopleOn(t, st, append(change, func(o *api.Options) { o.Audit = trail })...), trail
}

// entries are all, the oldest first.
func entries(t *testing.T, trail *audit.Trail) []store.AuditEntry {
	t.Helper()
	all, _, err := trail.Entries(store.AuditFilter{}, "", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(all)
	return all
}

// freshTrail is another trail for each request, with limits of its own: nothing
// is left out.
type freshTrail struct{ atomic.Pointer[audit.Trail] }

func (f *freshTrail) Begin(ctx context.Context, from string) context.Context {
	return f.Load().Begin(ctx, from)
}

func (f *freshTrail) Answer(ctx context.Context, status int, code string) {
	f.Load().Answer(ctx, status, code)
}

func (f *freshTrail) Entries(q store.AuditFilter, cursor string, limit int) ([]store.AuditEntry, string, error) {
	return f.Load().Entries(q, cursor, limit)
}

// Every operation of the contract that is meant to change something leaves an
// entry with its name, and every one leaves an entry when it is refused. A route
// that is added is asked as well, and fails here if it leaves none.
func TestEveryOperationIsAudited(t *testing.T) {
	st := openStore(t)
	trail := &freshTrail{}
	e := setup(t, func(o *api.Options) { o.Audit = trail })
	e.fleet.add(documentedJob(job.Running), "line")
	e.fleet.cancel = fleet.CancelResult{Ended: true}
	e.fleet.agents = []fleet.AgentView{{ID: "7", Name: "web-1", EnrolledAt: testNow()}}
	e.fleet.repositories = []fleet.RepositoryView{{Repository: job.Repository{ID: 7, Name: "r", Path: "/srv/r"}, AgentID: "7", Status: "ready", CreatedAt: testNow()}}
	weekly := fleet.ScheduleView{Schedule: store.Schedule{Schedule: schedule.Schedule{
		ID: 7, Name: "weekly", Cron: "@weekly", Overlap: schedule.OverlapSkip, RetryDelay: schedule.DefaultRetryDelay,
	}, Repositories: []int64{7}}}
	known := 0
	for _, rt := range api.Routes() {
		if rt.Name == "" {
			t.Errorf("%s %s has no operationId", rt.Method, rt.Path)
		}
		ask := func(role string) (answer, []store.AuditEntry) {
			e.fleet.schedules.all = []fleet.ScheduleView{weekly}
			now := audit.New(audit.Options{Store: st, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
			trail.Store(now)
			header := []string{"Authorization", "Bearer " + role}
			if role == "" {
				header[1] = ""
			}
			a := e.do(rt.Method, fill(rt.Path), goodBody(rt.Name), header...)
			all := entries(t, now)[known:]
			known += len(all)
			return a, all
		}
		what := rt.Method + " " + rt.Path
		got, all := ask("admin")
		if rt.Method == http.MethodGet || rt.Reads {
			if len(all) > 0 {
				t.Errorf("%s: reading left %+v", what, all)
			}
		} else if got.status >= 300 || len(all) != 1 || all[0].Outcome != audit.Done || all[0].What != rt.Name || rt.Role != api.Public && all[0].Who != "the admin" {
			t.Errorf("%s: %d %s left %+v", what, got.status, got.body, all)
		}
		if rt.Role == api.Public {
			continue
		}
		if _, all := ask(""); len(all) > 0 {
			t.Errorf("%s without a token left %+v", what, all)
		}
		got, all = ask("bad")
		if got.status != 401 || len(all) != 1 || all[0].Outcome != audit.Refused || all[0].What != rt.Name || all[0].Who != "" || all[0].From != "127.0.0.1" || all[0].Code != "bad_token" {
			t.Errorf("%s with a bad token: %d left %+v", what, got.status, all)
		}
		got, all = ask("strange")
		if got.status != 403 || len(all) != 1 || all[0].Outcome != audit.Refused || all[0].What != rt.Name || all[0].Who != "somebody" || all[0].Code != "forbidden" {
			t.Errorf("%s without the role: %d left %+v", what, got.status, all)
		}
	}
}

// recipient is that of a key that nobody has.
func recipient() string {
	key, err := seal.NewIdentity()
	if err != nil {
		panic(err)
	}
	return key.Recipient()
}

// goodBody is one that the operation takes.
func goodBody(operation string) string {
	switch operation {
	case "startBackup":
		return `{"repository": "/local/backups/my-repo"}`
	case "startRestore":
		return `{"repository": "my-repo", "archive": "a", "destination": "/srv/restore"}`
	case "login":
		return `{"username": "admin", "password": "secret"}`
	case "changePassword":
		return `{"old_password": "secret", "new_password": "another that is right"}`
	case "createUser":
		return `{"name": "ann", "password": "another that is right", "role": "viewer"}`
	case "changeUser":
		return `{"role": "viewer"}`
	case "createToken":
		return `{"name": "x"}`
	case "createRepository":
		return `{"name": "r", "path": "/srv/r", "encryption": "none", "source_directories": ["/etc"]}`
	case "createSchedule":
		return `{"name": "nightly", "cron_expression": "0 2 * * *", "repository_id": 7}`
	case "createChannel":
		return `{"name": "ops", "type": "webhook", "url": "https://x.example.org/"}`
	case "createRule":
		return `{"name": "all", "events": ["failure"], "channels": [7]}`
	case "validateCron":
		return `{"cron_expression": "0 2 * * *"}`
	case "compareChannel":
		return `{"key":"` + strings.Repeat("0", 64) + `"}`
	case "compareSchedule":
		return `{"key":"` + strings.Repeat("0", 64) + `","ping_url":"` + strings.Repeat("0", 64) + `"}`
	case "pruneRepository":
		return `{"keep_daily": 7}`
	case "replaceRecoveryKey":
		return `{"recipient": "` + recipient() + `"}`
	case "importRepository", "changeRepository":
		return `{"name": "r", "path": "/srv/r", "source_directories": ["/etc"]}`
	}
	return "{}"
}

// Who, from where, what, on what, and what came of it; and never a secret.
func TestAuditTellsWho(t *testing.T) {
	p, trail := setupAudit(t)
	var seen []store.AuditEntry
	const secretTyped = "hunter2-typed-as-a-name"
	login := func(user, password string) answer {
		return p.post("/api/auth/login", fmt.Sprintf(`{"username":%q,"password":%q}`, user, password))
	}
	var token rest.Token
	login("admin", right).is(200).into(&token)
	admin := bearer(token.AccessToken)
	want := func(who, via, what, on, detail, outcome, code string) {
		t.Helper()
		now := entries(t, trail)[len(seen):]
		seen = append(seen, now...)
		if len(now) != 1 {
			t.Fatalf("entries: %+v", now)
		}
		got := fmt.Sprintf("%q", []string{now[0].Who, now[0].Via, now[0].What, now[0].On, now[0].Detail, now[0].Outcome, now[0].Code})
		if want := fmt.Sprintf("%q", []string{who, via, what, on, detail, outcome, code}); got != want {
			t.Errorf("entry is\n%s, want\n%s", got, want)
		}
		if now[0].From != "127.0.0.1" || now[0].Count != 1 || time.Since(now[0].At) > time.Minute {
			t.Errorf("entry %+v", now[0])
		}
	}
	want("admin", "password", "login", "", "", "done", "")
	login("admin", "wrong wrong wrong").is(401)
	want("admin", "password", "login", "", "", "refused", "wrong_credentials")
	login(secretTyped, right).is(401)
	want("", "", "login", "", "", "refused", "wrong_credentials")

	p.post("/api/users", `{"name":"ann","password":"`+right+`","role":"viewer"}`, admin...).is(201)
	want("admin", "login", "createUser", "user/ann", "role viewer", "done", "")
	p.post("/api/users", `{"name":"ann","password":"`+right+`","role":"viewer"}`, admin...).is(409)
	want("admin", "login", "createUser", "", "", "refused", "user_exists")
	p.do("PATCH", "/api/users/ann", `{"role":"operator","password":"`+right+`2"}`, admin...).is(200)
	want("admin", "login", "changeUser", "user/ann", "role operator, was viewer; password", "done", "")
	p.do("DELETE", "/api/users/admin", "", admin...).is(409)
	want("admin", "login", "deleteUser", "user/admin", "", "refused", "last_admin")
	p.do("DELETE", "/api/users/nobody", "", admin...).is(404)

	ann := bearer(mustLogin(t, p, "ann", right+"2"))
	want("ann", "password", "login", "", "", "done", "")
	p.get("/api/users", ann...).is(403)
	want("ann", "login", "listUsers", "", "", "refused", "forbidden")
	var made rest.NewAPIToken
	p.post("/api/tokens", `{"name":"cron","role":"operator"}`, ann...).is(201).into(&made)
	want("ann", "login", "createToken", "token/"+made.ID, "cron, for ann as operator, without end", "done", "")
	p.post("/api/tokens", `{"name":"more"}`, bearer(made.Token)...).is(403)
	want("ann", "token/"+made.ID, "createToken", "", "", "refused", "needs_login")
	p.post("/api/auth/password", `{"old_password":"`+right+`","new_password":"`+right+`3"}`, ann...).is(422)
	want("ann", "login", "changePassword", "", "", "refused", "wrong_password")
	p.post("/api/auth/password", `{"old_password":"`+right+`2","new_password":"`+right+`3"}`, ann...).is(200).into(&token)
	want("ann", "login", "changePassword", "user/ann", "password", "done", "")
	p.post("/api/auth/logout", "", bearer(token.AccessToken)...).is(204)
	want("ann", "login", "logout", "", "", "done", "")
	p.get("/api/auth/me", bearer(token.AccessToken)...).is(401)
	want("", "", "me", "", "", "refused", "bad_token")
	p.do("DELETE", "/api/tokens/"+made.ID, "", admin...).is(204)
	want("admin", "login", "deleteToken", "token/"+made.ID, "cron, for ann as operator, without end", "done", "")
	p.get(downloadURL+"?token=x", "Authorization", "").is(401)
	want("", "", "downloadLog", "job/123", "", "refused", "bad_token")

	list := p.get("/api/audit?limit=1000", admin...).is(200)
	for _, secret := range []string{secretTyped, right, made.Token, token.AccessToken, strings.TrimPrefix(admin[1], "Bearer ")} {
		if strings.Contains(string(list.body), secret) {
			t.Errorf("a secret is in the audit log: %s", secret)
		}
	}
	var log rest.AuditLog
	if list.into(&log); len(log.Entries) != len(seen) || log.NextCursor != nil || log.Entries[0].ID != seen[len(seen)-1].ID {
		t.Errorf("listed %d entries, %d were made", len(log.Entries), len(seen))
	}
}

func mustLogin(t *testing.T, p *people, user, password string) string {
	t.Helper()
	var token rest.Token
	p.post("/api/auth/login", fmt.Sprintf(`{"username":%q,"password":%q}`, user, password)).is(200).into(&token)
	return token.AccessToken
}

// The entry is on the disk before the answer, and nothing of the log is told to
// less than an administrator.
func TestAuditIsAskedFor(t *testing.T) {
	e := setup(t)
	e.audit.entries = []store.AuditEntry{
		{ID: 3, At: testNow(), Who: "a<b>\x1b", What: "login", Outcome: "left_out", Count: 7},
	}
	a := e.get("/api/audit?who=ann&what=login&what=logout&on=job%2F1&outcome=done&outcome=refused&since=2024-01-01T00:00:00Z&until=2024-01-02T00:00:00Z&limit=5000").is(200)
	if want := `{"entries":[{"id":3,"at":"2024-01-15T10:10:00Z","who":"a<b>\u001b","via":null,"from":null,"what":"login","on":null,"detail":null,"outcome":"left_out","code":null,"count":7}],"next_cursor":null}`; strings.TrimSpace(string(a.body)) != want {
		t.Errorf("%s", a.body)
	}
	f := e.audit.asked
	if f.Who != "ann" || !slices.Equal(f.Whats, []string{"login", "logout"}) || f.On != "job/1" || !slices.Equal(f.Outcomes, []string{"done", "refused"}) ||
		f.Since.Year() != 2024 || f.Until.Day() != 2 || e.audit.limit != 1000 {
		t.Errorf("asked for %+v, %d", f, e.audit.limit)
	}
	for query, at := range map[string]string{
		"?limit=0": "query.limit", "?outcome=good": "query.outcome", "?what=": "query.what", "?who=": "query.who",
		"?since=yesterday": "query.since", "?from=x": "query.from", "?what=%ff": "query.what",
	} {
		if got := e.get("/api/audit" + query).is(422).locations(); len(got) != 1 || got[0] != at {
			t.Errorf("%s: errors at %v", query, got)
		}
	}
	e.audit.err = store.ErrAuditCursor
	if got := e.get("/api/audit?cursor=x").is(422).locations(); len(got) != 1 || got[0] != "query.cursor" {
		t.Errorf("errors at %v", got)
	}
	e.audit.err = errors.New("boom")
	e.get("/api/audit").is(500)
}
