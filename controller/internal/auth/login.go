package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// ErrWrong is the answer to a wrong name as to a wrong password: which of the
// two it was is nobody's business.
var ErrWrong = errors.New("wrong user name or password")

// TooMany says that logins are refused for a while; REST answers 429 with
// Retry-After.
type TooMany struct {
	RetryAfter time.Duration // whole seconds, at least one
}

func (t *TooMany) Error() string {
	return fmt.Sprintf("too many failed logins: try again in %s", t.RetryAfter)
}

// Login checks names and passwords.
type Login struct {
	users   Users
	hasher  *Hasher
	limiter *Limiter
	nobody  string // hash that is verified for a name that does not exist
}

// NewLogin puts the parts together.
func NewLogin(ctx context.Context, users Users, hasher *Hasher, limiter *Limiter) (*Login, error) {
	// Nobody has this password: it is never compared with success.
	nobody, err := hasher.Hash(ctx, "nobody")
	if err != nil {
		return nil, fmt.Errorf("prepare logins: %w", err)
	}
	return &Login{users: users, hasher: hasher, limiter: limiter, nobody: nobody}, nil
}

// Login gives the user whose name and password these are. Its error is
// ErrWrong, a *TooMany, or says that it is not known.
func (l *Login) Login(ctx context.Context, name, password string, from netip.Addr) (User, error) {
	succeeded, wait := l.limiter.Begin(name, from)
	if succeeded == nil {
		return User{}, &TooMany{RetryAfter: wholeSeconds(wait)}
	}
	user, known := l.users.Get(name)
	hash := user.PasswordHash
	if !known {
		hash = l.nobody // the same work, so that the time does not tell
	}
	ok, err := l.hasher.Verify(ctx, password, hash)
	if err != nil {
		return User{}, fmt.Errorf("log in: %w", err)
	}
	if !ok || !known {
		return User{}, ErrWrong
	}
	succeeded()
	return user, nil
}

func wholeSeconds(d time.Duration) time.Duration {
	return max(time.Second, (d + time.Second - 1).Truncate(time.Second))
}
