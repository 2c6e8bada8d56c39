package api

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"borgfleet/controller/internal/auth"
	"borgfleet/controller/internal/fault"
)

// loginTime bounds the wait for a hash when many log in at once.
const loginTime = 20 * time.Second

// Accounts is Auth by passwords and by the tokens that they give.
type Accounts struct {
	Logins *auth.Login
	Tokens *auth.Tokens
}

// Login checks a password and gives a token.
func (a Accounts) Login(ctx context.Context, user, password string, from netip.Addr) (string, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	who, err := a.Logins.Login(ctx, user, password, from)
	if many, ok := errors.AsType[*auth.TooMany](err); ok {
		f := fault.Wrap(err, fault.TooMany, "too_many_logins", "too many failed logins: try again in %s", many.RetryAfter)
		f.RetryAfter = many.RetryAfter
		return "", 0, f
	}
	if errors.Is(err, auth.ErrWrong) {
		return "", 0, fault.Wrap(err, fault.Unauthenticated, "wrong_credentials", "wrong user name or password")
	}
	if err != nil {
		return "", 0, err
	}
	return a.Tokens.Issue(who)
}

// Verify says whose token it is.
func (a Accounts) Verify(token string) (Principal, error) {
	claims, err := a.Tokens.Verify(token)
	if errors.Is(err, auth.ErrToken) {
		return Principal{}, fault.Wrap(err, fault.Unauthenticated, "bad_token", "the token is not valid or has expired: log in again")
	}
	if err != nil {
		return Principal{}, err
	}
	return Principal{User: claims.User, Role: Role(claims.Role)}, nil
}
