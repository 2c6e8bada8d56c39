package api_test

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/auth"
	"borgfleet/controller/internal/fault"
)

// fakeAuth knows tokens that are named after their role.
type fakeAuth struct {
	mu   sync.Mutex
	from netip.Addr
	err  error
	now  func(api.Principal) (api.Principal, error) // what became of who was known; nil: nothing
}

func (a *fakeAuth) becomes(now func(api.Principal) (api.Principal, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = now
}

func (a *fakeAuth) Login(_ context.Context, user, password string, from netip.Addr) (string, time.Duration, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.from = from
	if a.err != nil {
		return "", 0, a.err
	}
	if user != "admin" || password != "secret" {
		return "", 0, fault.New(fault.Unauthenticated, "wrong_credentials", "wrong user name or password")
	}
	return "admin", 12 * time.Hour, nil
}

func (a *fakeAuth) Verify(token string) (api.Principal, error) {
	who, err := a.known(token)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil && a.now != nil {
		return a.now(who)
	}
	return who, err
}

func (a *fakeAuth) known(token string) (api.Principal, error) {
	switch role := api.Role(token); role {
	case api.Viewer, api.Operator, api.Admin:
		return api.Principal{User: "the " + token, Role: role}, nil
	case "strange":
		return api.Principal{User: "somebody", Role: "strange"}, nil
	}
	return api.Principal{}, fault.New(fault.Unauthenticated, "bad_token", "the token is not valid: log in again")
}

func (a *fakeAuth) VerifyDownload(token string, _ int64) (api.Principal, error) {
	return a.Verify(token)
}

func (a *fakeAuth) DownloadToken(api.Principal, int64) (string, time.Time, error) {
	return "link", testNow().Add(time.Minute), nil
}

func (a *fakeAuth) Logout(context.Context, api.Principal) error { return nil }

func (a *fakeAuth) ChangePassword(context.Context, api.Principal, auth.PasswordChange) (string, time.Duration, error) {
	return "admin", 12 * time.Hour, nil
}

func (a *fakeAuth) Accounts() []auth.Account { return []auth.Account{theAccount()} }

func (a *fakeAuth) Account(name string) (auth.Account, error) { return theAccount(), nil }

func (a *fakeAuth) CreateAccount(context.Context, auth.NewAccount) (auth.Account, error) {
	return theAccount(), nil
}

func (a *fakeAuth) ChangeAccount(context.Context, string, auth.AccountChange) (auth.Account, error) {
	return theAccount(), nil
}

func (a *fakeAuth) DeleteAccount(context.Context, string) error { return nil }

func (a *fakeAuth) APITokens(api.Principal) []auth.APIToken { return nil }

func (a *fakeAuth) CreateAPIToken(context.Context, api.Principal, auth.NewAPIToken) (auth.APIToken, string, error) {
	return auth.APIToken{ID: "7", Name: "x", User: "ann", Role: api.Viewer, CreatedAt: testNow()}, "bft_", nil
}

func (a *fakeAuth) DeleteAPIToken(context.Context, api.Principal, string) error { return nil }

func theAccount() auth.Account {
	return auth.Account{Name: "ann", Role: api.Admin, CreatedAt: testNow()}
}
