package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
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

func TestHash(t *testing.T) {
	ctx := context.Background()
	h := NewHasher(rand.Reader, 2)
	hash, err := h.Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %.32s", hash)
	}
	other, err := h.Hash(ctx, "correct horse")
	if err != nil || other == hash {
		t.Errorf("two hashes of one password are the same, or %v", err)
	}
	for password, want := range map[string]bool{
		"correct horse": true, "correct hors": false, "correct horse ": false, "": false,
		strings.Repeat("x", maxPassword+1): false,
	} {
		if got, err := h.Verify(ctx, password, hash); got != want || err != nil {
			t.Errorf("password of %d bytes: %v, %v", len(password), got, err)
		}
	}
	for _, p := range []string{"", strings.Repeat("x", maxPassword+1)} {
		if _, err := h.Hash(ctx, p); err == nil {
			t.Errorf("a password of %d bytes was hashed", len(p))
		}
	}
	if _, err := NewHasher(bytes.NewReader(nil), 1).Hash(ctx, "x"); err == nil {
		t.Error("hashed without a salt")
	}
}

// A password that is too long is not hashed, and must not pass for the one that
// is hashed in its place.
func TestVerifyLongPassword(t *testing.T) {
	h := NewHasher(rand.Reader, 1)
	p := phc{memory: 64, time: 1, threads: 1, salt: []byte("somesalt")}
	var err error
	if p.key, err = h.key(context.Background(), "", p, 32); err != nil {
		t.Fatal(err)
	}
	if ok, err := h.Verify(context.Background(), strings.Repeat("x", maxPassword+1), p.String()); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

// A hash that another program made is verified with its own parameters.
func TestVerifyKnownHash(t *testing.T) {
	// argon2id, m=64, t=1, p=1, of the reference implementation's test form.
	p := phc{memory: 64, time: 1, threads: 1, salt: []byte("somesalt")}
	h := NewHasher(rand.Reader, 1)
	key, err := h.key(context.Background(), "password", p, 24)
	if err != nil {
		t.Fatal(err)
	}
	p.key = key
	if ok, err := h.Verify(context.Background(), "password", p.String()); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestVerifyRefusesHashes(t *testing.T) {
	h := NewHasher(rand.Reader, 1)
	const tail = "$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAA"
	for _, hash := range []string{
		"", "plain", "$argon2i$v=19$m=64,t=1,p=1" + tail, "$argon2id$v=18$m=64,t=1,p=1" + tail,
		"$argon2id$v=19$m=4194304,t=1,p=1" + tail, "$argon2id$v=19$m=64,t=1000,p=1" + tail, "$argon2id$v=19$m=64,t=0,p=1" + tail,
		"$argon2id$v=19$m=64,t=1,p=0" + tail, "$argon2id$v=19$m=64,t=1,p=300" + tail, "$argon2id$v=19$m=4,t=1,p=1" + tail,
		"$argon2id$v=19$m=64,t=1,p=1,x=1" + tail, "$argon2id$v=19$m=64,t=1,p=1$$", "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$AAAA",
		"$argon2id$v=19$m=64,t=1,p=1" + tail + "$x", "$argon2id$v=19$m=+64,t=1,p=1" + tail,
	} {
		if ok, err := h.Verify(context.Background(), "", hash); ok || err == nil || len(hash) > 10 && strings.Contains(err.Error(), hash) {
			t.Errorf("%q: %v, %v", hash, ok, err)
		}
	}
	if _, err := h.Verify(context.Background(), "", "$argon2id$v=19$m=64,t=1,p=1"+tail); err != nil {
		t.Errorf("the good one among them: %v", err)
	}
}

func TestHasherWorksOnFewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(rand.Reader, 1)
		h.slots <- struct{}{} // somebody is at it
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second one was let in, or %v", err)
		}
		<-h.slots
		if _, err := h.Hash(t.Context(), "x"); err != nil {
			t.Errorf("the slot was not given back: %v", err)
		}
		if len(h.slots) != 0 {
			t.Error("a slot is kept")
		}
	})
}

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

func addr(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
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

func TestLimiterMemoryIsBounded(t *testing.T) {
	l := NewLimiter(newClock().Now)
	for i := range 3 * maxAddresses {
		l.Begin(fmt.Sprintf("user%d", i), addr(i))
	}
	if len(l.addresses) != maxAddresses || l.recent.Len() != maxAddresses {
		t.Errorf("%d addresses, %d in order", len(l.addresses), l.recent.Len())
	}
	// A flood marks nobody who has not failed.
	if succeeded, _ := l.Begin("admin", netip.MustParseAddr("192.0.2.1")); succeeded == nil {
		t.Error("a clean address is refused after a flood of others")
	} else {
		succeeded()
	}
	if len(l.addresses) > maxAddresses {
		t.Errorf("%d addresses", len(l.addresses))
	}
}

func TestNetwork(t *testing.T) {
	same := [][2]string{
		{"192.0.2.1", "::ffff:192.0.2.1"},
		{"2001:db8::1", "2001:db8::ffff:1"},
		{"fe80::1%eth0", "fe80::1"},
	}
	for _, s := range same {
		if network(netip.MustParseAddr(s[0])) != network(netip.MustParseAddr(s[1])) {
			t.Errorf("%s and %s are counted apart", s[0], s[1])
		}
	}
	for _, s := range [][2]string{{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", "2001:db8:0:1::1"}} {
		if network(netip.MustParseAddr(s[0])) == network(netip.MustParseAddr(s[1])) {
			t.Errorf("%s and %s are counted as one", s[0], s[1])
		}
	}
	network(netip.Addr{}) // a caller without an address is no crash
}

func newTestTokens(c *clock) *Tokens {
	return NewTokens(Key{1, 2, 3}, "fleet-1", c.Now, rand.Reader)
}

func TestToken(t *testing.T) {
	c := newClock()
	tokens := newTestTokens(c)
	token, expiresIn, err := tokens.Issue(User{Name: "ann", Role: Admin})
	if err != nil || expiresIn != 12*time.Hour {
		t.Fatalf("%s, %v", expiresIn, err)
	}
	got, err := tokens.Verify(token)
	if err != nil {
		t.Fatal(err)
	}
	if got.User != "ann" || got.Role != Admin || got.ID == "" || !got.Issued.Equal(start) || !got.Expires.Equal(start.Add(TokenLife)) {
		t.Errorf("%+v", got)
	}
	c.Add(TokenLife + leeway - time.Second)
	if _, err := tokens.Verify(token); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
	c.Add(2 * time.Second)
	if _, err := tokens.Verify(token); !errors.Is(err, ErrToken) {
		t.Errorf("after its end: %v", err)
	}
}

func TestTokenRefused(t *testing.T) {
	c := newClock()
	tokens := newTestTokens(c)
	good := func() jwt.MapClaims {
		return jwt.MapClaims{
			"iss": "fleet-1", "aud": audience, "sub": "ann", "role": "admin", "jti": "1",
			"iat": start.Unix(), "exp": start.Add(time.Hour).Unix(),
		}
	}
	sign := func(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
		s, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	key := tokens.key[:]
	if _, err := tokens.Verify(sign(jwt.SigningMethodHS256, key, good())); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	with := func(name string, value any) string {
		claims := good()
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
		return sign(jwt.SigningMethodHS256, key, claims)
	}
	valid := sign(jwt.SigningMethodHS256, key, good())
	parts := strings.Split(valid, ".")
	raw := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, token := range map[string]string{
		"empty":             "",
		"words":             "not a token",
		"alg none":          sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good()),
		"alg none by hand":  raw(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".",
		"alg None by hand":  raw(`{"alg":"NonE"}`) + "." + parts[1] + "." + parts[2],
		"no alg":            raw(`{"typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		"HS384":             sign(jwt.SigningMethodHS384, key, good()),
		"HS512":             sign(jwt.SigningMethodHS512, key, good()),
		"another key":       sign(jwt.SigningMethodHS256, []byte("another"), good()),
		"empty key":         sign(jwt.SigningMethodHS256, []byte{}, good()),
		"no signature":      parts[0] + "." + parts[1] + ".",
		"content changed":   parts[0] + "." + raw(`{"sub":"root"}`) + "." + parts[2],
		"another fleet":     with("iss", "fleet-2"),
		"no issuer":         with("iss", nil),
		"another audience":  with("aud", "other"),
		"no audience":       with("aud", nil),
		"no expiry":         with("exp", nil),
		"expired":           with("exp", start.Add(-time.Minute).Unix()),
		"from the future":   with("iat", start.Add(time.Minute).Unix()),
		"no issue time":     with("iat", nil),
		"not yet":           with("nbf", start.Add(time.Minute).Unix()),
		"no user":           with("sub", nil),
		"empty user":        with("sub", ""),
		"no role":           with("role", nil),
		"no id":             with("jti", nil),
		"role of many":      with("role", []string{"admin"}),
		"expiry as text":    with("exp", "tomorrow"),
		"one part too many": valid + ".x",
	} {
		if got, err := tokens.Verify(token); !errors.Is(err, ErrToken) || got != (Claims{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzVerifyToken(f *testing.F) {
	// Fuzzing runs in several processes, which must agree on the good one.
	tokens := NewTokens(Key{1, 2, 3}, "fleet-1", newClock().Now, bytes.NewReader(make([]byte, tokenBytes)))
	good, _, err := tokens.Issue(User{Name: "ann", Role: Admin})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("e30.e30.e30")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := tokens.Verify(s); err == nil && (s != good || got.User != "ann") {
			t.Errorf("a token that was never issued is accepted")
		}
	})
}

func TestKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token.key")
	first, err := LoadKey(file, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if again, err := LoadKey(file, rand.Reader); err != nil || again != first {
		t.Errorf("another key after a restart: %v", err)
	}
	if s := fmt.Sprintf("%v %+v %#v %s", first, first, first, first); strings.TrimSpace(strings.ReplaceAll(s, "token key", "")) != "" {
		t.Error("the key is printed")
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKey(file, rand.Reader); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "abcd\n", strings.Repeat("z", 64)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(file, rand.Reader); err == nil || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("a damaged key of %d bytes: %v", len(text), err)
		}
	}
	if _, err := LoadKey(filepath.Join(t.TempDir(), "k"), bytes.NewReader(nil)); err == nil {
		t.Error("made without randomness")
	}
}

func TestInitialPassword(t *testing.T) {
	dir := t.TempDir()
	if p, file, err := InitialPassword(dir, "given", rand.Reader); p != "given" || file != "" || err != nil {
		t.Errorf("given: %q, %v", file, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Error("a given password was written to a file")
	}
	p, file, err := InitialPassword(dir, "", rand.Reader)
	if err != nil || len(p) != 27 || file != filepath.Join(dir, InitialPasswordFile) {
		t.Fatalf("%d characters in %s, %v", len(p), file, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	data, err := os.ReadFile(file)
	if err != nil || strings.TrimSpace(string(data)) != p {
		t.Errorf("the file holds another password: %v", err)
	}
	// The start was cut before the user was stored.
	if again, _, err := InitialPassword(dir, "", rand.Reader); err != nil || again != p {
		t.Errorf("another password at the next start: %v", err)
	}
	if other, _, err := InitialPassword(t.TempDir(), "", rand.Reader); err != nil || other == p {
		t.Errorf("two installations have one password: %v", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := InitialPassword(dir, "", rand.Reader); err == nil {
		t.Error("an empty password is taken")
	}
}
