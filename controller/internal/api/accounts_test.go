package api_test

import (
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/auth"
)

type oneUser struct{ auth.User }

func (u oneUser) Get(name string) (auth.User, bool) { return u.User, name == u.Name }

// The real parts behind a login: from the password to the role.
func TestAccounts(t *testing.T) {
	hasher := auth.NewHasher(rand.Reader, 1)
	hash, err := hasher.Hash(t.Context(), "geheim")
	if err != nil {
		t.Fatal(err)
	}
	users := oneUser{auth.User{Name: "admin", PasswordHash: hash, Role: auth.Admin}}
	logins, err := auth.NewLogin(t.Context(), users, hasher, auth.NewLimiter(time.Now))
	if err != nil {
		t.Fatal(err)
	}
	accounts := api.Accounts{Logins: logins, Tokens: auth.NewTokens(auth.Key{1}, "fleet", time.Now, rand.Reader)}
	e := setup(t, func(o *api.Options) { o.Auth = accounts })

	var token rest.Token
	e.post("/api/auth/login", "username=admin&password=geheim", "Content-Type", "application/x-www-form-urlencoded").is(200).into(&token)
	var me rest.Me
	e.get("/api/auth/me", "Authorization", "Bearer "+token.AccessToken).is(200).into(&me)
	if me != (rest.Me{Username: "admin", Role: "admin"}) || token.ExpiresIn != 43200 {
		t.Errorf("got %+v, %+v", me, token)
	}
	e.get("/api/auth/me", "Authorization", "Bearer "+token.AccessToken+"x").is(401)

	many := false
	for range 50 {
		a := e.post("/api/auth/login", `{"username":"admin","password":"wrong"}`)
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
	if _, _, err := accounts.Login(t.Context(), "admin", "geheim", netip.MustParseAddr("192.0.2.1")); err != nil {
		t.Errorf("an address that did not guess: %v", err)
	}
}
