package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"net/netip"
	"sync"
	"time"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex // guards t
	now time.Time
}

func newClock() *clock { return &clock{now: start} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func addr(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// rig is People on a real store, with two users whose password is "right".
type rig struct {
	*People
	t     *testing.T
	dir   string
	clock *clock
	log   bytes.Buffer
	store *store.Store

	keepFree int64 // of the disk, from the next open on
}

const (
	right = "right"
	other = "a much longer one"
)

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, dir: filepath.Join(t.TempDir(), "store"), clock: newClock(), keepFree: 1 << 20}
	r.open()
	t.Cleanup(func() { must(t, r.store.Close()) })
	for name, role := range map[string]Role{"ann": Admin, "bob": Operator} {
		r.put(store.User{Name: name, PasswordHash: cheapHash(t), Role: string(role), CreatedAt: start})
	}
	return r
}

func (r *rig) open() {
	r.t.Helper()
	var err error
	r.store, err = store.Open(r.dir, store.Options{Now: r.clock.Now, KeepFree: r.keepFree, MemTableSize: 4 << 20})
	must(r.t, err)
	r.People, err = NewPeople(context.Background(), Options{
		Store: r.store, Hasher: NewHasher(rand.Reader, 2), Tokens: newTestTokens(r.clock), Now: r.clock.Now,
		Logger: slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	must(r.t, err)
}

func (r *rig) restart() {
	r.t.Helper()
	must(r.t, r.store.Close())
	r.open()
}

func (r *rig) put(u store.User) {
	r.t.Helper()
	must(r.t, r.store.Update(context.Background(), func(tx *store.Tx) error { return tx.PutUser(u) }))
}

// login gives a token, and who it is for.
func (r *rig) login(name, password string) (string, Principal) {
	r.t.Helper()
	token, _, err := r.Login(r.t.Context(), name, password, addr(1))
	must(r.t, err)
	who, err := r.Verify(token)
	must(r.t, err)
	return token, who
}

// apiToken makes one in the name of a user who has just logged in.
func (r *rig) apiToken(user string, role Role, life time.Duration) (APIToken, string) {
	r.t.Helper()
	_, who := r.login(user, right)
	token, text, err := r.CreateAPIToken(r.t.Context(), who, NewAPIToken{Name: "test", Role: role, Life: life})
	must(r.t, err)
	return token, text
}

// refused wants the one answer that every bad token has.
func (r *rig) refused(what, token string) {
	r.t.Helper()
	who, err := r.Verify(token)
	refusal(r.t, what, who, err)
}

func refusal(t *testing.T, what string, who Principal, err error) {
	t.Helper()
	const message = "the token is not valid or has expired: log in again, or make a new API token"
	if f := fault.Of(err); err == nil || f.Kind != fault.Unauthenticated || f.Code != "bad_token" || f.Message != message || who != (Principal{}) {
		t.Errorf("%s: %+v, %v", what, who, err)
	}
}

// cheapHash is of the password "right" and takes no time to verify.
func cheapHash(t *testing.T) string {
	t.Helper()
	p := phc{memory: 64, time: 1, threads: 1, salt: []byte("somesalt")}
	var err error
	p.key, err = NewHasher(rand.Reader, 1).key(context.Background(), right, p, 32)
	must(t, err)
	return p.String()
}

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
