package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"time"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/auth"
	"borgfleet/controller/internal/store"
)

// concurrentHashes bounds the memory that logins take: each hash needs tens of
// megabytes.
const concurrentHashes = 2

// firstUser is made when there is no user at all.
const firstUser = "admin"

// accounts reads users from the store.
type accounts struct{ st *store.Store }

func (a accounts) Get(name string) (auth.User, bool) {
	u, ok := a.st.User(name)
	return auth.User{Name: u.Name, PasswordHash: u.PasswordHash, Role: auth.Role(u.Role)}, ok
}

func openPeople(ctx context.Context, o Options, st *store.Store, fleetID string) (api.Auth, string, error) {
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
	return api.Accounts{Logins: login, Tokens: auth.NewTokens(key, fleetID, time.Now, rand.Reader)}, file, nil
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
