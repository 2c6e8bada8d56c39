package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"

	"borgfleet/controller/internal/auth"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/clock"
)

// concurrentHashes bounds the memory that logins take: each hash needs tens of
// megabytes.
const concurrentHashes = 2

// firstUser is made when there is no user at all.
const firstUser = "admin"

func openPeople(ctx context.Context, o Options, st *store.Store, fleetID string, made *Made) (*auth.People, error) {
	hasher := auth.NewHasher(rand.Reader, concurrentHashes)
	if err := makeFirstUser(ctx, o, st, hasher, made); err != nil {
		return nil, err
	}
	key, err := auth.LoadKey(filepath.Join(o.DataDir, "token.key"), rand.Reader)
	if err != nil {
		return nil, err
	}
	return auth.NewPeople(ctx, auth.Options{
		Store: st, Hasher: hasher, Tokens: auth.NewTokens(key, fleetID, clock.Now, rand.Reader), Logger: o.Logger,
	})
}

func makeFirstUser(ctx context.Context, o Options, st *store.Store, hasher *auth.Hasher, made *Made) error {
	if len(st.Users()) > 0 {
		return nil
	}
	password, file, err := auth.InitialPassword(o.DataDir, o.AdminPassword, rand.Reader)
	if err != nil {
		return err
	}
	hash, err := hasher.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("make user %s: %w", firstUser, err)
	}
	made.User, made.PasswordFile = firstUser, file
	return st.Update(ctx, func(tx *store.Tx) error {
		return tx.PutUser(store.User{Name: firstUser, PasswordHash: hash, Role: string(auth.Admin), CreatedAt: clock.Now().UTC()})
	})
}
