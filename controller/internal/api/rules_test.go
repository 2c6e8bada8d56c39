package api_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/apitest"
	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/auth"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// rules says who may do what: the least role for each operation of the
// contract. An operation that is not here fails the test, so that somebody has
// to decide.
func rules() map[string]api.Role {
	return map[string]api.Role{
		"login": api.Public, "service": api.Public, "openAPI": api.Public, "docs": api.Public, "docsFile": api.Public,
		"healthz": api.Public, "readyz": api.Public,

		"listJobs": api.Viewer, "fleetSummary": api.Viewer, "fleetHosts": api.Viewer, "fleetTrends": api.Viewer, "exportJobs": api.Viewer, "jobStatus": api.Viewer, "streamLog": api.Viewer, "downloadLog": api.Viewer, "downloadToken": api.Viewer,
		"metrics": api.Viewer, "listAgents": api.Viewer, "oneAgent": api.Viewer, "events": api.Viewer,
		"listRepositories": api.Viewer, "oneRepository": api.Viewer, "runningJobs": api.Viewer, "listArchives": api.Viewer,
		"me": api.Viewer, "logout": api.Viewer, "changePassword": api.Viewer, // one's own
		"listTokens": api.Viewer, "createToken": api.Viewer, "deleteToken": api.Viewer, // one's own, and no more than one's role

		"startBackup": api.Operator, "cancelJob": api.Operator, "startRestore": api.Operator, "archiveContents": api.Operator,

		"listUsers": api.Admin, "createUser": api.Admin, "oneUser": api.Admin, "changeUser": api.Admin, "deleteUser": api.Admin,
		"createJoinToken": api.Admin, "changeAgent": api.Admin, "deleteAgent": api.Admin, "revokeAgent": api.Admin,
		"createRepository": api.Admin, "importRepository": api.Admin, "changeRepository": api.Admin, "deleteRepository": api.Admin,
		"listAudit": api.Admin,

		"checkJob": api.Viewer, "compactJob": api.Viewer, "pruneJob": api.Viewer, "recoveryKey": api.Viewer,
		"checkRepository": api.Operator, "compactRepository": api.Operator, "pruneRepository": api.Operator, // maintenance
		"listSchedules": api.Viewer, "oneSchedule": api.Viewer, "nextRuns": api.Viewer, "validateCron": api.Viewer, "runSchedule": api.Operator,
		"createSchedule": api.Admin, "changeSchedule": api.Admin, "deleteSchedule": api.Admin, "toggleSchedule": api.Admin,
		"listChannels": api.Viewer, "oneChannel": api.Viewer, "listRules": api.Viewer, "oneRule": api.Viewer, "listConditions": api.Viewer,
		"createChannel": api.Admin, "changeChannel": api.Admin, "deleteChannel": api.Admin, "testChannel": api.Admin,
		"channelSettings": api.Admin, "compareChannel": api.Admin, "compareSchedule": api.Admin,
		"createRule": api.Admin, "changeRule": api.Admin, "deleteRule": api.Admin,
		"breakLock": api.Admin, "retryRepository": api.Admin, "acknowledgeVanished": api.Admin, "acceptSize": api.Admin, "recovery": api.Admin, "replaceRecoveryKey": api.Admin,
	}
}

// needsLogin says what an API token may not do, whatever its role: what it made
// would outlive it. Of other tokens it ends none, unless it is an administrator's.
func needsLogin(operation string, role api.Role) bool {
	switch operation {
	case "createUser", "changeUser", "createToken", "replaceRecoveryKey":
		return true
	case "deleteToken":
		return role != api.Admin
	}
	return false
}

// scoped are the operations for API tokens that reach a part of the fleet: those
// that can tell it from the rest. All others are refused to them.
func scoped() []string {
	return []string{
		"startBackup", "listJobs", "exportJobs", "jobStatus", "cancelJob", "streamLog", "downloadLog", "downloadToken", "me", "fleetTrends",
		"listRepositories", "oneRepository", "runningJobs", "listArchives", "archiveContents", "startRestore",
		"checkRepository", "compactRepository", "pruneRepository", "checkJob", "compactJob", "pruneJob",
	}
}

// TestEveryOperationHasARule: contract, routes and rules are about the same
// operations.
func TestEveryOperationHasARule(t *testing.T) {
	doc, err := apitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	left := rules()
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			role, ruled := left[op.OperationID]
			delete(left, op.OperationID)
			i := slices.IndexFunc(api.Routes(), func(rt api.RouteInfo) bool { return rt.Method == method && rt.Path == path })
			if i < 0 || !ruled {
				t.Errorf("%s %s (%s): is it a route: %v; has it a rule here: %v", method, path, op.OperationID, i >= 0, ruled)
				continue
			}
			if rt := api.Routes()[i]; rt.Role != role {
				t.Errorf("%s %s (%s) is for %q, and should be for %q", method, path, op.OperationID, rt.Role, role)
			}
		}
	}
	for _, rt := range api.Routes() {
		if _, ruled := rules()[rt.Name]; !ruled {
			t.Errorf("%s %s is a route without a rule", rt.Method, rt.Path)
		}
	}
	for name := range left {
		t.Errorf("there is no operation %s", name)
	}
}

// caller is somebody with something that is or was good for a role.
type caller struct {
	name     string
	role     api.Role // "": it is good for nothing
	apiToken bool
	scoped   bool
	token    func() string
}

// TestEveryOperationWithEveryCaller walks the routes with everything that can be
// in a request's header: who may gets past the door, who may not is refused
// there, whatever the method, the slash at the end, and the form that is asked
// for.
func TestEveryOperationWithEveryCaller(t *testing.T) {
	p := setupPeople(t)
	p.fleet.add(documentedJob(job.Running), "line")
	var callers []caller
	for _, role := range []api.Role{api.Viewer, api.Operator, api.Admin} {
		user := "a-" + string(role)
		p.put(t, store.User{Name: user, Role: string(role)})
		issue := func() string { return p.issue(auth.User{Name: user}) }
		callers = append(callers, caller{name: "login of " + user, role: role, token: issue})
		callers = append(callers, caller{name: "API token of " + user, role: role, apiToken: true, token: fixed(p.apiToken(user, role, 0))})
	}
	least := p.apiToken("a-admin", api.Viewer, 0)
	callers = append(callers, caller{name: "viewer's API token of an admin", role: api.Viewer, apiToken: true, token: fixed(least)})
	p.put(t, store.User{Name: "demoted", Role: "admin"})
	demoted := p.apiToken("demoted", api.Admin, 0)
	p.put(t, store.User{Name: "demoted", Role: "viewer"})
	callers = append(callers, caller{name: "admin's API token of a viewer", role: api.Viewer, apiToken: true, token: fixed(demoted)})
	part := p.apiToken("a-admin", api.Admin, 0, 7)
	callers = append(callers, caller{name: "API token of an admin for a part of the fleet", role: api.Admin, apiToken: true, scoped: true, token: fixed(part)})
	for name, token := range p.goodForNothing() {
		callers = append(callers, caller{name: name, token: fixed(token)})
	}
	for _, rt := range api.Routes() {
		if rt.Role == api.Public {
			if got, _ := p.door([]string{rt.Method, fill(rt.Path), "*/*"}, "", ""); got == http.StatusUnauthorized || got == http.StatusForbidden {
				p.t.Errorf("%s is not for everybody: %d", rt.Name, got)
			}
			continue
		}
		forms := [][]string{{rt.Method, fill(rt.Path), "application/json"}, {rt.Method, fill(rt.Path) + "/", "text/event-stream"}}
		if rt.Method == http.MethodGet {
			forms = append(forms, []string{http.MethodHead, fill(rt.Path), "*/*"})
		}
		for i, form := range forms {
			for _, c := range callers {
				if i == 0 || c.name == "nobody" || c.name == "an ended login" || strings.HasPrefix(c.name, "login of") {
					p.holdsTo(rt, form, c)
				}
			}
		}
	}
}

func (p *people) holdsTo(rt api.RouteInfo, form []string, c caller) {
	p.t.Helper()
	body := "{}"
	if rt.Name == "createToken" {
		body = goodBody(rt.Name) // it is read before it is known whose it would be
	}
	got, code := p.door(form, body, c.token())
	rank := []api.Role{"", api.Viewer, api.Operator, api.Admin}
	want := 0
	switch {
	case c.role == "":
		want = http.StatusUnauthorized
	case slices.Index(rank, c.role) < slices.Index(rank, rules()[rt.Name]), c.apiToken && needsLogin(rt.Name, c.role), c.scoped && !slices.Contains(scoped(), rt.Name):
		want = http.StatusForbidden
	}
	if refused := got == http.StatusUnauthorized || got == http.StatusForbidden; refused != (want != 0) || refused && got != want {
		p.t.Errorf("%s %s %s by %s: %d %s, want %d", rt.Name, form[0], form[2], c.name, got, code, want)
	}
}

// door sends a request and waits for the head of the answer: a stream has no
// end.
func (p *people) door(form []string, body, token string) (status int, code string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, form[0], p.server.URL+form[1], strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Accept", form[2])
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") != "Bearer" {
		p.t.Errorf("%s %s: 401 without WWW-Authenticate", form[0], form[1])
	}
	return resp.StatusCode, resp.Header.Get("Content-Type")
}

func fixed(token string) func() string { return func() string { return token } }

func (p *people) issue(u auth.User) string {
	p.t.Helper()
	token, _, err := p.tokens.Issue(u)
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

func (p *people) apiToken(user string, role api.Role, life time.Duration, repositories ...int64) string {
	p.t.Helper()
	var scope *store.Scope
	if len(repositories) > 0 {
		p.repository(repositories[0])
		scope = &store.Scope{Repositories: repositories}
	}
	local := auth.Principal{User: "root@localhost", Role: auth.Admin, Local: true}
	_, text, err := p.accounts.CreateAPIToken(p.t.Context(), local, auth.NewAPIToken{Name: "x", User: user, Role: role, Life: life, Scope: scope})
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// goodForNothing is what must not open anything: what was never good, what is
// not any more, and what is good for something else.
func (p *people) goodForNothing() map[string]string {
	t := p.t
	t.Helper()
	out := map[string]string{"nobody": "", "noise": "x", "an API token that nobody made": "bft_0f1e2d3c4b5a6978_" + strings.Repeat("A", 43)}
	make := func(tokens *auth.Tokens, u auth.User) string {
		token, _, err := tokens.Issue(u)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	old := func() time.Time { return time.Now().Add(-auth.TokenLife - time.Minute) }
	out["an expired login"] = make(auth.NewTokens(auth.Key{1}, "fleet", old, rand.Reader), auth.User{Name: "admin"})
	out["another controller's login"] = make(auth.NewTokens(auth.Key{2}, "fleet", time.Now, rand.Reader), auth.User{Name: "admin"})
	out["another fleet's login"] = make(auth.NewTokens(auth.Key{1}, "other", time.Now, rand.Reader), auth.User{Name: "admin"})
	out["a login of nobody"] = p.issue(auth.User{Name: "nobody"})
	out["a login before a new password"] = p.issue(auth.User{Name: "admin", ValidFrom: time.Unix(1, 0)})
	good := strings.Split(p.issue(auth.User{Name: "admin"}), ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	out["a login without a signature"] = none + "." + good[1] + "."
	out["a login with half a signature"] = good[0] + "." + good[1] + "." + good[2][:20]
	ended := p.issue(auth.User{Name: "admin"})
	p.post("/api/auth/logout", "", bearer(ended)...).is(204)
	out["an ended login"] = ended
	p.put(t, store.User{Name: "gone", Role: "admin"})
	out["an API token of a deleted user"] = p.apiToken("gone", api.Admin, 0)
	if err := p.accounts.DeleteAccount(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	out["a login of a deleted user"] = p.issue(auth.User{Name: "gone"})
	expired := p.apiToken("admin", api.Admin, time.Nanosecond)
	out["an expired API token"] = expired
	var link rest.DownloadToken
	p.post("/api/backup/logs/123/download-token", "", p.login("admin")...).is(200).into(&link)
	out["a download token"] = link.Token
	return out
}

// What only the admin socket has is nothing on the doors that others reach, and
// neither is what agents call.
func TestOtherDoorsAreNotHere(t *testing.T) {
	p := setupPeople(t)
	for _, path := range []string{rest.BackupPath, rest.StatsPath, rest.DifferencesPath, rest.SettlePath, rest.AdmitPath, "/fleet.v1.FleetService/Enroll", "/fleet.v1.FleetService/Hello"} {
		for _, method := range []string{"GET", "POST"} {
			if got := p.do(method, path, "{}", p.login("admin")...).is(404).problem(); got.Code != "unknown_path" {
				t.Errorf("%s %s: %+v", method, path, got)
			}
		}
	}
}

// repository is one that a scope can name.
func (p *people) repository(id int64) {
	p.t.Helper()
	err := p.store.Update(p.t.Context(), func(tx *store.Tx) error {
		return tx.PutRepository(store.Repository{Repository: job.Repository{ID: id, Name: "r", Path: "/r"}, Agent: "a-1"})
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// What a token reaches is said when it is made, and can be read; a mistake makes
// none.
func TestTokenScope(t *testing.T) {
	p := setupPeople(t)
	p.repository(7)
	admin := p.login("admin")
	if err := p.store.Update(t.Context(), func(tx *store.Tx) error { return tx.PutAgent(store.Agent{ID: "a-1", Name: "web-1"}) }); err != nil {
		t.Fatal(err)
	}
	for body, at := range map[string]string{
		`"repositories": []`: "body.repositories", `"repositories": 7`: "body.repositories", `"repositories": ["7"]`: "body.repositories[0]",
		`"repositories": [7, 8]`: "body.repositories[1]", `"repositories": [0]`: "body.repositories[0]", `"agents": []`: "body.agents",
		`"agents": ["web-1", "web-2"]`: "body.agents[1]", `"agents": [7]`: "body.agents[0]", `"scope": "x"`: "body.scope",
		`"repositories": [` + strings.Repeat("7,", 200) + `7]`: "body.repositories",
	} {
		if got := p.post("/api/tokens", `{"name": "x", `+body+`}`, admin...).is(422).locations(); len(got) == 0 || got[0] != at {
			t.Errorf("%s: errors at %v", body, got)
		}
	}
	var all, part rest.NewAPIToken
	p.post("/api/tokens", `{"name": "all", "role": "admin"}`, admin...).is(201).into(&all)
	p.post("/api/tokens", `{"name": "part", "role": "admin", "repositories": [7], "agents": ["web-1"]}`, admin...).is(201).into(&part)
	if len(all.Repositories)+len(all.Agents) != 0 || !slices.Equal(part.Repositories, []int64{7}) || !slices.Equal(part.Agents, []string{"a-1"}) {
		t.Errorf("made %+v and %+v", all, part)
	}
	var list rest.APITokenList
	if p.get("/api/tokens", admin...).is(200).into(&list); len(list.Tokens) != 2 || !slices.Equal(list.Tokens[1].Agents, []string{"a-1"}) {
		t.Errorf("listed %+v", list)
	}
	p.get("/api/agents", bearer(all.Token)...).is(200)
	if got := p.get("/api/agents", bearer(part.Token)...).is(403).problem(); got.Code != "token_scope" {
		t.Errorf("%+v", got)
	}
	who, err := p.accounts.Verify(part.Token)
	if err != nil || !who.Scope.Covers(7, "") || !who.Scope.Covers(99, "a-1") || who.Scope.Covers(8, "a-2") {
		t.Errorf("%+v, %v", who.Scope, err)
	}
}
