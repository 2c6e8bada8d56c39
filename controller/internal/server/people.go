package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/auth"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
)

// concurrentHashes bounds the memory that logins take: each hash needs tens of
// megabytes.
const concurrentHashes = 2

// loginTime bounds the wait for a hash when many log in at once.
const loginTime = 20 * time.Second

// firstUser is made when there is no user at all.
const firstUser = "admin"

// people is auth behind the errors and types of REST.
type people struct {
	login  *auth.Login
	tokens *auth.Tokens
}

// accounts reads users from the store.
type accounts struct{ st *store.Store }

func (a accounts) Get(name string) (auth.User, bool) {
	u, ok := a.st.User(name)
	return auth.User{Name: u.Name, PasswordHash: u.PasswordHash, Role: auth.Role(u.Role)}, ok
}

func openPeople(ctx context.Context, o Options, st *store.Store, fleetID string) (*people, string, error) {
	hasher := auth.NewHasher(rand.Reader, concurrentHashes)
	file, err := makeFirstUser(ctx, o, st, hasher)
	if err != nil {
		return nil, "", err
	}
	login, err := auth.NewLogin(ctx, accounts{st}, hasher, auth.NewLimiter(time.Now))
	if err != nil {
		return nil, "", err
	}
	key, err := auth.LoadKey(filepath.Join(o.DataDir, "token.key"), rand.Reader)
	if err != nil {
		return nil, "", err
	}
	return &people{login: login, tokens: auth.NewTokens(key, fleetID, time.Now, rand.Reader)}, file, nil
}

func makeFirstUser(ctx context.Context, o Options, st *store.Store, hasher *auth.Hasher) (file string, err error) {
	if len(st.Users()) > 0 {
		return "", nil
	}
	password, file, err := auth.InitialPassword(o.DataDir, o.AdminPassword, rand.Reader)
	if err != nil {
		return "", err
	}
	hash, err := hasher.Hash(ctx, password)
	if err != nil {
		return "", fmt.Errorf("make user %s: %w", firstUser, err)
	}
	return file, st.Update(ctx, func(tx *store.Tx) error {
		return tx.PutUser(store.User{Name: firstUser, PasswordHash: hash, Role: string(auth.Admin), CreatedAt: time.Now().UTC()})
	})
}

func (p *people) Login(ctx context.Context, user, password string, from netip.Addr) (string, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	u, err := p.login.Login(ctx, user, password, from)
	if slow, ok := errors.AsType[*auth.TooMany](err); ok {
		f := fault.New(fault.TooMany, "too_many_logins", "%s", slow)
		f.RetryAfter = slow.RetryAfter
		return "", 0, f
	}
	if errors.Is(err, auth.ErrWrong) {
		return "", 0, fault.New(fault.Unauthenticated, "login_failed", "%s", err)
	}
	if err != nil {
		return "", 0, err
	}
	token, life, err := p.tokens.Issue(u)
	return token, life, err
}

func (p *people) Verify(token string) (api.Principal, error) {
	c, err := p.tokens.Verify(token)
	if err != nil {
		return api.Principal{}, fault.Wrap(err, fault.Unauthenticated, "token_invalid", "%s", auth.ErrToken)
	}
	return api.Principal{User: c.User, Role: api.Role(c.Role)}, nil
}
