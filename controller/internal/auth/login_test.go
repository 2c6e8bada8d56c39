package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
)

type users map[string]User

func (u users) Get(name string) (User, bool) {
	got, ok := u[name]
	return got, ok
}

func newTestLogin(t *testing.T, c *clock) *Login {
	t.Helper()
	h := NewHasher(rand.Reader, 2)
	// A cheap hash, so that hundreds of attempts take no time.
	p := phc{memory: 64, time: 1, threads: 1, salt: []byte("somesalt")}
	var err error
	if p.key, err = h.key(context.Background(), "right", p, 32); err != nil {
		t.Fatal(err)
	}
	l, err := NewLogin(context.Background(), users{
		"admin":  {Name: "admin", PasswordHash: p.String(), Role: Admin},
		"viewer": {Name: "viewer", PasswordHash: p.String(), Role: "viewer"},
	}, h, NewLimiter(c.Now))
	if err != nil {
		t.Fatal(err)
	}
	l.nobody = p.String()
	return l
}

func TestLogin(t *testing.T) {
	l := newTestLogin(t, newClock())
	ctx := context.Background()
	if u, err := l.Login(ctx, "admin", "right", addr(1)); err != nil || u.Role != Admin {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := l.Login(ctx, "admin", "wrong", addr(1)); err != ErrWrong {
		t.Errorf("wrong password: %v", err)
	}
	// The hash of nobody is of a password too, which must not open anything.
	if u, err := l.Login(ctx, "nobody", "right", addr(1)); err != ErrWrong || u.Name != "" {
		t.Errorf("unknown user: %+v, %v", u, err)
	}
}

func TestLoginOfUnknownUserCostsTheSame(t *testing.T) {
	l, err := NewLogin(context.Background(), users{}, NewHasher(rand.Reader, 1), NewLimiter(newClock().Now))
	if err != nil {
		t.Fatal(err)
	}
	p, err := parsePHC(l.nobody)
	if err != nil || p.memory != hashMemory || p.time != hashTime || p.threads != hashThreads || len(p.key) != keyBytes {
		t.Errorf("an unknown user costs %d KiB, %d rounds: %v", p.memory, p.time, err)
	}
	// It is really spent: a cut context is noticed only there.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	l.hasher.slots <- struct{}{}
	if _, err := l.Login(ctx, "nobody", "x", addr(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("answered without work: %v", err)
	}
}

func TestLoginLimitOfAnAddress(t *testing.T) {
	c := newClock()
	l := newTestLogin(t, c)
	ctx := context.Background()
	for i := range addressFailures {
		if _, err := l.Login(ctx, fmt.Sprintf("user%d", i), "wrong", addr(1)); err != ErrWrong {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	_, err := l.Login(ctx, "admin", "right", addr(1))
	var many *TooMany
	if !errors.As(err, &many) || many.RetryAfter != addressPause {
		t.Fatalf("after %d failures: %v", addressFailures, err)
	}
	if _, err := l.Login(ctx, "admin", "right", addr(2)); err != nil {
		t.Errorf("another address: %v", err)
	}
	c.Add(many.RetryAfter)
	if _, err := l.Login(ctx, "admin", "right", addr(1)); err != nil {
		t.Errorf("after Retry-After: %v", err)
	}
}

// A stranger who guesses at an account must not shut its owner out, and must
// not get more guesses by coming from everywhere.
func TestLoginLimitOfAnAccount(t *testing.T) {
	c := newClock()
	l := newTestLogin(t, c)
	ctx := context.Background()
	for i := range accountFailures {
		if _, err := l.Login(ctx, "admin", "wrong", addr(100+i)); err != ErrWrong {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	var many *TooMany
	if _, err := l.Login(ctx, "admin", "right", addr(100)); !errors.As(err, &many) || many.RetryAfter <= 0 || many.RetryAfter > addressPause {
		t.Errorf("an address that has failed is let in: %v", err)
	}
	if _, err := l.Login(ctx, "admin", "right", addr(1)); err != nil {
		t.Errorf("the owner is shut out: %v", err)
	}
	if _, err := l.Login(ctx, "viewer", "right", addr(100)); err != nil {
		t.Errorf("another account is shut: %v", err)
	}
	// One attempt for each new address, not more.
	if _, err := l.Login(ctx, "admin", "wrong", addr(2)); err != ErrWrong {
		t.Errorf("a clean address: %v", err)
	}
	if _, err := l.Login(ctx, "admin", "wrong", addr(2)); !errors.As(err, &many) {
		t.Errorf("the same address again: %v", err)
	}
	c.Add(many.RetryAfter)
	if _, err := l.Login(ctx, "admin", "right", addr(2)); err != nil {
		t.Errorf("after Retry-After: %v", err)
	}
}

// Whoever has an account of their own must not wash off failures with it.
func TestLoginOfOneAccountDoesNotForgiveAnother(t *testing.T) {
	l := newTestLogin(t, newClock())
	ctx := context.Background()
	guesses := 0
	for range 100 {
		if _, err := l.Login(ctx, "admin", "wrong", addr(1)); err == ErrWrong {
			guesses++
		}
		l.Login(ctx, "viewer", "right", addr(1))
	}
	if guesses > addressFailures {
		t.Errorf("%d guesses from one address", guesses)
	}
}

// A script that logs in all day must not close its account to others.
func TestGoodLoginsDoNotCount(t *testing.T) {
	l := newTestLogin(t, newClock())
	ctx := context.Background()
	for i := range 2 * accountFailures {
		if _, err := l.Login(ctx, "admin", "right", addr(1)); err != nil {
			t.Fatalf("login %d: %v", i, err)
		}
	}
	for i := range 2 {
		if _, err := l.Login(ctx, "admin", "wrong", addr(2)); err != ErrWrong {
			t.Errorf("attempt %d: %v", i, err)
		}
	}
}

func TestLoginLimitCountsAttemptsAtOnce(t *testing.T) {
	l := newTestLogin(t, newClock())
	var wg sync.WaitGroup
	var mu sync.Mutex
	tried := 0
	for range 200 {
		wg.Go(func() {
			if _, err := l.Login(context.Background(), "admin", "wrong", addr(1)); err == ErrWrong {
				mu.Lock()
				tried++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if tried != addressFailures {
		t.Errorf("%d guesses at once, want %d", tried, addressFailures)
	}
}
