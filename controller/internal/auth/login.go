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

// busyPause is when to come again if too many logins were under way.
const busyPause = 5 * time.Second

// TooMany says that logins are refused for a while; REST answers 429 with
// Retry-After.
type TooMany struct {
	RetryAfter time.Duration // whole seconds, at least one
}

func (t *TooMany) Error() string {
	return fmt.Sprintf("too many logins: try again in %s", t.RetryAfter)
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
	user, known := l.users.Get(name)
	friend := known && user.knows(from)
	succeeded, wait := l.limiter.Begin(name, from, friend)
	if succeeded == nil {
		return User{}, &TooMany{RetryAfter: wholeSeconds(wait)}
	}
	hash := user.PasswordHash
	if !known {
		hash = l.nobody // the same work, so that the time does not tell
	}
	verify := l.hasher.VerifyStranger
	if friend {
		verify = l.hasher.Verify
	}
	ok, err := verify(ctx, password, hash)
	if errors.Is(err, ErrBusy) || errors.Is(err, context.DeadlineExceeded) {
		succeeded() // nothing was guessed
		return User{}, &TooMany{RetryAfter: busyPause}
	}
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
