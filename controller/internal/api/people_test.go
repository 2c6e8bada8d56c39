package api_test

import (
	"crypto/rand"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/auth"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// people is an API with the real parts behind the accounts. The user admin has
// the password "right"; nobody knows those of the others.
type people struct {
	*env
	accounts *auth.People
	store    *store.Store
	tokens   *auth.Tokens
}

const right = "a password that is right"

func setupPeople(t *testing.T, change ...func(*api.Options)) *people {
	t.Helper()
	return peopleOn(t, openStore(t), change...)
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "store"), store.Options{KeepFree: 1 << 20, MemTableSize: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func peopleOn(t *testing.T, st *store.Store, change ...func(*api.Options)) *people {
	t.Helper()
	p := &people{store: st, tokens: auth.NewTokens(auth.Key{1}, "fleet", time.Now, rand.Reader)}
	hasher := auth.NewHasher(rand.Reader, 2)
	hash, err := hasher.Hash(t.Context(), right)
	if err != nil {
		t.Fatal(err)
	}
	p.put(t, store.User{Name: "admin", PasswordHash: hash, Role: "admin"})
	p.accounts, err = auth.NewPeople(t.Context(), auth.Options{Store: st, Hasher: hasher, Tokens: p.tokens})
	if err != nil {
		t.Fatal(err)
	}
	p.env = setup(t, append([]func(*api.Options){func(o *api.Options) { o.Auth = p.accounts }}, change...)...)
	return p
}

func (p *people) put(t *testing.T, u store.User) {
	t.Helper()
	u.CreatedAt = testNow()
	if err := p.store.Update(t.Context(), func(tx *store.Tx) error { return tx.PutUser(u) }); err != nil {
		t.Fatal(err)
	}
}

// login gives the header of a login, without the work of a password.
func (p *people) login(user string) []string {
	p.t.Helper()
	token, _, err := p.tokens.Issue(auth.User{Name: user})
	if err != nil {
		p.t.Fatal(err)
	}
	return bearer(token)
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

// From the password to the role.
func TestLoginForReal(t *testing.T) {
	p := setupPeople(t)
	var token rest.Token
	p.post("/api/auth/login", "username=admin&password="+strings.ReplaceAll(right, " ", "+"), "Content-Type", "application/x-www-form-urlencoded").is(200).into(&token)
	var me rest.Me
	p.get("/api/auth/me", bearer(token.AccessToken)...).is(200).into(&me)
	if me != (rest.Me{Username: "admin", Role: "admin"}) || token.ExpiresIn != 43200 {
		t.Errorf("got %+v, %+v", me, token)
	}
	p.get("/api/auth/me", bearer(token.AccessToken+"x")...).is(401)
	p.post("/api/auth/logout", "", bearer(token.AccessToken)...).is(204)
	if got := p.get("/api/auth/me", bearer(token.AccessToken)...).is(401).problem(); got.Code != "bad_token" {
		t.Errorf("after the logout: %+v", got)
	}
	many := false
	for range 50 {
		a := p.post("/api/auth/login", `{"username":"admin","password":"wrong"}`)
		if many = a.status == 429; many {
			if a.header.Get("Retry-After") == "" {
				t.Error("there is no Retry-After")
			}
			break
		}
		a.is(401)
	}
	if !many {
		t.Error("guessing has no limit")
	}
}

// Every route, with a login and with an API token of each role, and after their
// users are gone.
func TestEveryRouteWithEveryProof(t *testing.T) {
	p := setupPeople(t)
	rank := map[api.Role]int{api.Viewer: 1, api.Operator: 2, api.Admin: 3}
	secrets := map[api.Role]string{}
	for role := range rank {
		name := "the-" + string(role)
		p.put(t, store.User{Name: name, Role: string(role)})
		// The token's own role is the highest; its user's decides.
		_, secret, err := p.accounts.CreateAPIToken(t.Context(), api.Principal{User: name, Role: role}, auth.NewAPIToken{Name: "x", Role: role})
		if err != nil {
			t.Fatal(err)
		}
		secrets[role] = secret
	}
	for _, rt := range api.Routes() {
		if rt.Role == api.Public {
			continue
		}
		for role, r := range rank {
			for what, proof := range map[string][]string{"login": p.login("the-" + string(role)), "API token": bearer(secrets[role])} {
				got := p.do(rt.Method, fill(rt.Path), "{}", proof...)
				if (got.status == http.StatusForbidden) == (r >= rank[rt.Role]) && got.problem().Code != "needs_login" || got.status == http.StatusUnauthorized {
					t.Errorf("%s %s with a %s of a %s: %d %s", rt.Method, rt.Path, what, role, got.status, got.body)
				}
			}
		}
	}
	for role := range rank {
		if err := p.accounts.DeleteAccount(t.Context(), "the-"+string(role)); err != nil {
			t.Fatal(err)
		}
		for _, rt := range api.Routes() {
			if rt.Role == api.Public {
				continue
			}
			p.do(rt.Method, fill(rt.Path), "{}", p.login("the-"+string(role))...).is(401)
			p.do(rt.Method, fill(rt.Path), "{}", bearer(secrets[role])...).is(401)
		}
	}
}

func TestUsers(t *testing.T) {
	p := setupPeople(t)
	admin := p.login("admin")
	created := p.post("/api/users", `{"name":"ann@example.org","password":"`+right+`","role":"viewer"}`, admin...).is(201)
	if got := created.header.Get("Location"); got != "/api/users/ann@example.org" {
		t.Errorf("Location is %q", got)
	}
	var u rest.User
	if created.into(&u); u.Name != "ann@example.org" || u.Role != "viewer" || u.CreatedAt == nil || u.APITokens != 0 {
		t.Errorf("created %+v", u)
	}
	p.post("/api/users", `{"name":"ann@example.org","password":"`+right+`","role":"viewer"}`, admin...).is(409)
	p.do("PATCH", "/api/users/ann@example.org", `{"role":"operator"}`, admin...).is(200).into(&u)
	if u.Role != "operator" {
		t.Errorf("changed to %+v", u)
	}
	var list rest.UserList
	p.get("/api/users", admin...).is(200).into(&list)
	if len(list.Users) != 2 || list.Users[0].Name != "admin" || list.Users[1].Name != u.Name || list.Users[1].Role != "operator" {
		t.Errorf("listed %+v", list)
	}
	p.get("/api/users/ann@example.org", admin...).is(200)
	if got := p.do("DELETE", "/api/users/admin", "", admin...).is(409).problem(); got.Code != "last_admin" {
		t.Errorf("%+v", got)
	}
	if got := p.do("PATCH", "/api/users/admin", `{"role":"viewer"}`, admin...).is(409).problem(); got.Code != "last_admin" {
		t.Errorf("%+v", got)
	}
	p.do("DELETE", "/api/users/ann@example.org", "", admin...).is(204)
	for _, method := range []string{"GET", "DELETE", "PATCH"} {
		p.do(method, "/api/users/ann@example.org", `{"password":"`+right+`"}`, admin...).is(404)
	}
	if strings.Contains(p.log.String(), right) {
		t.Error("a password is in the log")
	}
}

// A found token must not be made into a login, which would outlive it.
func TestTokensMakeNoLogins(t *testing.T) {
	p := setupPeople(t)
	var made rest.NewAPIToken
	p.post("/api/tokens", `{"name":"x","role":"admin"}`, p.login("admin")...).is(201).into(&made)
	for _, a := range []answer{
		p.post("/api/users", `{"name":"eve","password":"`+right+`","role":"admin"}`, bearer(made.Token)...),
		p.do("PATCH", "/api/users/admin", `{"password":"`+right+`"}`, bearer(made.Token)...),
		p.do("PATCH", "/api/users/admin", `{"role":"admin"}`, bearer(made.Token)...),
	} {
		if a.is(403).problem().Code != "needs_login" {
			t.Errorf("%s", a.body)
		}
	}
	p.get("/api/users", bearer(made.Token)...).is(200)
}

func TestPasswordAndTokens(t *testing.T) {
	p := setupPeople(t)
	before := p.login("admin")
	var made rest.NewAPIToken
	p.post("/api/tokens", `{"name":"dashboard","role":"operator","expires_in":"1h30m"}`, before...).is(201).into(&made)
	if made.User != "admin" || made.Role != "operator" || made.ExpiresAt.Sub(made.CreatedAt.Time) != 90*time.Minute || made.LastUsedAt != nil {
		t.Errorf("made %+v", made)
	}
	if a := p.post("/api/auth/logout", "", bearer(made.Token)...).is(400); !strings.Contains(a.problem().Detail, "DELETE /api/tokens/"+made.ID) {
		t.Errorf("%s", a.body)
	}
	if a := p.get("/api/users", bearer(made.Token)...).is(403); a.problem().Detail != `this needs the role admin, and the API token `+made.ID+` of admin has the role "operator"` {
		t.Errorf("%s", a.body)
	}
	p.post("/api/auth/password", `{"old_password":"wrong wrong wrong","new_password":"another that is right"}`, before...).is(422)
	var token rest.Token
	p.post("/api/auth/password", `{"old_password":"`+right+`","new_password":"another that is right"}`, before...).is(200).into(&token)
	p.get("/api/auth/me", before...).is(401)
	p.get("/api/auth/me", bearer(made.Token)...).is(200)
	list := p.get("/api/tokens", bearer(token.AccessToken)...).is(200)
	var tokens rest.APITokenList
	if list.into(&tokens); len(tokens.Tokens) != 1 || tokens.Tokens[0].ID != made.ID || tokens.Tokens[0].LastUsedAt == nil || strings.Contains(string(list.body), made.Token) {
		t.Errorf("listed %s", list.body)
	}
	p.do("DELETE", "/api/tokens/"+made.ID, "", bearer(token.AccessToken)...).is(204)
	p.do("DELETE", "/api/tokens/"+made.ID, "", bearer(token.AccessToken)...).is(404)
	p.get("/api/auth/me", bearer(made.Token)...).is(401)
	for _, secret := range []string{made.Token, token.AccessToken, right, "another that is right"} {
		if strings.Contains(p.log.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
}

// On the admin socket everything of an administrator works.
func TestPeopleOnTheAdminSocket(t *testing.T) {
	p := setupPeople(t, func(o *api.Options) {
		o.Principal = func(*http.Request) (api.Principal, bool) {
			return api.Principal{User: "root@localhost", Role: api.Admin, Local: true}, true
		}
	})
	p.fleet.add(documentedJob(job.Failed), "line")
	p.post("/api/users", `{"name":"ann","password":"`+right+`","role":"viewer"}`).is(201)
	if got := p.post("/api/tokens", `{"name":"x"}`).is(422).locations(); len(got) != 1 || got[0] != "body.user" {
		t.Errorf("errors at %v", got)
	}
	p.post("/api/tokens", `{"name":"x","user":"ann"}`).is(201)
	p.post("/api/tokens", `{"name":"x","user":"ann","role":"admin"}`).is(422)
	p.get("/api/tokens").is(200)
	p.post("/api/auth/logout", "").is(400)
	p.post("/api/auth/password", `{"old_password":"x","new_password":"`+right+`"}`).is(400)
	p.post("/api/backup/logs/123/download-token", "").is(200)
}

func TestDownloadToken(t *testing.T) {
	p := setupPeople(t)
	p.fleet.add(documentedJob(job.Failed), "line")
	other := documentedJob(job.Failed)
	other.ID = 124
	p.fleet.add(other, "another line")
	admin := p.login("admin")
	p.post("/api/backup/logs/99/download-token", "", admin...).is(404)
	var link rest.DownloadToken
	p.post("/api/backup/logs/123/download-token", "", admin...).is(200).into(&link)
	if left := time.Until(link.ExpiresAt.Time); left <= 50*time.Second || left > auth.LinkLife {
		t.Errorf("good for %v", left)
	}
	a := p.get(downloadURL+"?token="+link.Token, "Authorization", "").is(200)
	if string(a.body) != "line\n" {
		t.Errorf("got %q", a.body)
	}
	p.do("HEAD", downloadURL+"?token="+link.Token, "", "Authorization", "").is(200)
	p.get("/api/backup/logs/124/download?token="+link.Token, "Authorization", "").is(401)
	p.get("/api/backup/logs/x/download?token="+link.Token, "Authorization", "").is(401)
	p.get(streamURL+"?token="+link.Token, "Authorization", "").is(401)
	p.get("/api/auth/me", bearer(link.Token)...).is(401)
	p.get(downloadURL, bearer(link.Token)...).is(401) // in links only
	login := strings.TrimPrefix(admin[1], "Bearer ")
	p.get(downloadURL+"?token="+login, "Authorization", "").is(200)
	for _, token := range []string{link.Token, login, "token="} {
		if strings.Contains(p.log.String(), token) {
			t.Errorf("a token is in the log: %s", p.log.String())
		}
	}
}
