package auth

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TokenLife is how long a login lasts.
const TokenLife = 12 * time.Hour

const (
	audience     = "borgfleet-api"
	linkAudience = "borgfleet-log" // of tokens that read one log
	tokenBytes   = 16
	leeway       = 5 * time.Second // between clocks that are both right
)

// ErrToken is the answer to every token that is not good. Why it is not is in
// the error that wraps it, for the log; the one who sent it does not learn it.
var ErrToken = errors.New("the token is not valid: log in again")

// Tokens makes and checks the JSON Web Tokens of one controller.
type Tokens struct {
	key    Key
	issuer string
	now    func() time.Time
	rand   io.Reader
	logins *jwt.Parser
	links  *jwt.Parser
}

// wire is a login token's content. The role is not in it: it is today's that
// counts.
type wire struct {
	Generation int64 `json:"gen"`
	jwt.RegisteredClaims
}

// NewTokens makes the tokens of the fleet issuer.
func NewTokens(key Key, issuer string, now func() time.Time, rand io.Reader) *Tokens {
	return &Tokens{
		key: key, issuer: issuer, now: now, rand: rand,
		logins: newParser(issuer, audience, now), links: newParser(issuer, linkAudience, now),
	}
}

// newParser takes one algorithm and one audience. A token that names its own
// algorithm could name none, or take a public key for the secret.
func newParser(issuer, audience string, now func() time.Time) *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(now),
		jwt.WithStrictDecoding(),
	)
}

// Issue makes a token for a user whose password was checked.
func (t *Tokens) Issue(user User) (token string, expiresIn time.Duration, err error) {
	registered, err := t.registered(audience, user.Name, TokenLife)
	if err != nil {
		return "", 0, err
	}
	token, err = t.sign(wire{Generation: user.generation(), RegisteredClaims: registered})
	return token, TokenLife, err
}

func (t *Tokens) registered(audience, user string, life time.Duration) (jwt.RegisteredClaims, error) {
	id := make([]byte, tokenBytes)
	if _, err := io.ReadFull(t.rand, id); err != nil {
		return jwt.RegisteredClaims{}, fmt.Errorf("make token: %w", err)
	}
	now := t.now()
	return jwt.RegisteredClaims{
		Issuer:    t.issuer,
		Audience:  jwt.ClaimStrings{audience},
		Subject:   user,
		ID:        hex.EncodeToString(id),
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(life)),
	}, nil
}

func (t *Tokens) sign(claims jwt.Claims) (string, error) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(t.key[:])
	if err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	return token, nil
}

// Verify gives what a login token of this controller says. Its error wraps
// ErrToken.
func (t *Tokens) Verify(token string) (Claims, error) {
	var w wire
	if err := t.parse(t.logins, token, &w, &w.RegisteredClaims); err != nil {
		return Claims{}, err
	}
	return Claims{User: w.Subject, Generation: w.Generation, ID: w.ID, Issued: w.IssuedAt.Time, Expires: w.ExpiresAt.Time}, nil
}

func (t *Tokens) parse(parser *jwt.Parser, token string, into jwt.Claims, registered *jwt.RegisteredClaims) error {
	if _, err := parser.ParseWithClaims(token, into, func(*jwt.Token) (any, error) { return t.key[:], nil }); err != nil {
		return fmt.Errorf("%w (%v)", ErrToken, err)
	}
	// The parser lets these be absent.
	if registered.Subject == "" || registered.ID == "" || registered.IssuedAt == nil {
		return fmt.Errorf("%w (a claim is missing)", ErrToken)
	}
	return nil
}
