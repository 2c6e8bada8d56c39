package auth

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

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
	if got.User != "ann" || got.Generation != 0 || got.ID == "" || !got.Issued.Equal(start) || !got.Expires.Equal(start.Add(TokenLife)) {
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
			"iss": "fleet-1", "aud": audience, "sub": "ann", "gen": 0, "jti": "1",
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
		"empty":              "",
		"words":              "not a token",
		"alg none":           sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good()),
		"alg none by hand":   raw(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".",
		"alg None by hand":   raw(`{"alg":"NonE"}`) + "." + parts[1] + "." + parts[2],
		"no alg":             raw(`{"typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		"HS384":              sign(jwt.SigningMethodHS384, key, good()),
		"HS512":              sign(jwt.SigningMethodHS512, key, good()),
		"another key":        sign(jwt.SigningMethodHS256, []byte("another"), good()),
		"empty key":          sign(jwt.SigningMethodHS256, []byte{}, good()),
		"no signature":       parts[0] + "." + parts[1] + ".",
		"content changed":    parts[0] + "." + raw(`{"sub":"root"}`) + "." + parts[2],
		"another fleet":      with("iss", "fleet-2"),
		"no issuer":          with("iss", nil),
		"another audience":   with("aud", "other"),
		"a link's audience":  with("aud", linkAudience),
		"no audience":        with("aud", nil),
		"no expiry":          with("exp", nil),
		"expired":            with("exp", start.Add(-time.Minute).Unix()),
		"from the future":    with("iat", start.Add(time.Minute).Unix()),
		"no issue time":      with("iat", nil),
		"not yet":            with("nbf", start.Add(time.Minute).Unix()),
		"no user":            with("sub", nil),
		"empty user":         with("sub", ""),
		"no id":              with("jti", nil),
		"generation of text": with("gen", "0"),
		"expiry as text":     with("exp", "tomorrow"),
		"one part too many":  valid + ".x",
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
