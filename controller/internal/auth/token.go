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
	audience   = "borgfleet-api"
	tokenBytes = 16
	leeway     = 5 * time.Second // between clocks that are both right
)

// ErrToken is the answer to every token that is not good. Why it is not is in
// the error that wraps it, for the log; the one who sent it learns only
// whether it has expired.
var ErrToken = errors.New("the token is not valid: log in again")

// Claims is what a token says.
type Claims struct {
	User    string
	Role    Role // at the login; whoever needs today's asks the store
	ID      string
	Issued  time.Time
	Expires time.Time
}

// Tokens makes and checks the JSON Web Tokens of one controller.
type Tokens struct {
	key    Key
	issuer string
	now    func() time.Time
	rand   io.Reader
	parser *jwt.Parser
}

// wire is a token's content.
type wire struct {
	Role Role `json:"role"`
	jwt.RegisteredClaims
}

// NewTokens makes the tokens of the fleet issuer.
func NewTokens(key Key, issuer string, now func() time.Time, rand io.Reader) *Tokens {
	return &Tokens{
		key:    key,
		issuer: issuer,
		now:    now,
		rand:   rand,
		// One algorithm. A token that names its own could name none, or take a
		// public key for the secret.
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithIssuer(issuer),
			jwt.WithAudience(audience),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithLeeway(leeway),
			jwt.WithTimeFunc(now),
			jwt.WithStrictDecoding(),
		),
	}
}

// Issue makes a token for a user who has logged in.
func (t *Tokens) Issue(user User) (token string, expiresIn time.Duration, err error) {
	id := make([]byte, tokenBytes)
	if _, err := io.ReadFull(t.rand, id); err != nil {
		return "", 0, fmt.Errorf("make token: %w", err)
	}
	now := t.now()
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, wire{
		Role: user.Role,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    t.issuer,
			Audience:  jwt.ClaimStrings{audience},
			Subject:   user.Name,
			ID:        hex.EncodeToString(id),
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(TokenLife)),
		},
	}).SignedString(t.key[:])
	if err != nil {
		return "", 0, fmt.Errorf("make token: %w", err)
	}
	return token, TokenLife, nil
}

// Verify gives what a token of this controller says. Its error wraps ErrToken.
func (t *Tokens) Verify(token string) (Claims, error) {
	var w wire
	if _, err := t.parser.ParseWithClaims(token, &w, func(*jwt.Token) (any, error) { return t.key[:], nil }); err != nil {
		return Claims{}, fmt.Errorf("%w (%v)", ErrToken, err)
	}
	// The parser lets these be absent.
	if w.Subject == "" || w.Role == "" || w.ID == "" || w.IssuedAt == nil {
		return Claims{}, fmt.Errorf("%w (a claim is missing)", ErrToken)
	}
	return Claims{User: w.Subject, Role: w.Role, ID: w.ID, Issued: w.IssuedAt.Time, Expires: w.ExpiresAt.Time}, nil
}
