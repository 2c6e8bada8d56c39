package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
)

// leastPassword is how many characters a password has at least.
const leastPassword = 12

// CheckPassword says what is wrong with a new password.
func CheckPassword(s string) error {
	switch {
	case strings.ContainsAny(s, "\x00\r\n"):
		return errors.New("it must be one line, without NUL")
	case len(s) > maxPassword:
		return fmt.Errorf("it has more than %d bytes", maxPassword)
	case utf8.RuneCountInString(s) < leastPassword:
		return fmt.Errorf("it must have at least %d characters", leastPassword)
	}
	return nil
}

// PasswordChange changes one's own password. What is in it has been checked.
type PasswordChange struct {
	Old, New string
	From     netip.Addr // not valid for a caller without an address
}

// ChangePassword changes the caller's own password, ends all the caller's
// logins, and gives a token of a new one.
func (p *People) ChangePassword(ctx context.Context, who Principal, c PasswordChange) (token string, expiresIn time.Duration, err error) {
	err = needsLogin(who, "on the admin socket nobody has a password: set a user's with PATCH /api/users/NAME",
		"an API token cannot change its user's password: log in with POST /api/auth/login")
	if err != nil {
		return "", 0, err
	}
	// By the way of a login: the limits on guessing are the same.
	user, err := p.check(ctx, who.User, c.Old, c.From)
	if errors.Is(err, ErrWrong) {
		f := fault.InvalidField("body.old_password", "it is not your password")
		f.Code = "wrong_password"
		return "", 0, f
	}
	if err != nil {
		return "", 0, err
	}
	hash, err := p.opt.Hasher.Hash(ctx, c.New)
	if err != nil {
		return "", 0, err
	}
	var changed User
	err = p.opt.Store.Update(ctx, func(tx *store.Tx) error {
		tx.Urgent()
		u, there := tx.User(user.Name)
		if !there || u.PasswordHash != user.PasswordHash {
			return fault.New(fault.Conflict, "password_changed", "the password was changed by somebody else meanwhile; log in again")
		}
		tx.About("user/"+user.Name, "password")
		p.setPassword(&u, hash)
		u.Networks = with(u.Networks, network(c.From), p.opt.Now())
		changed = userOf(u)
		return tx.PutUser(u)
	})
	if err != nil {
		return "", 0, fmt.Errorf("change password: %w", err)
	}
	return p.opt.Tokens.Issue(changed)
}

// setPassword ends all logins of u, and forgets where they were made: whoever had
// the old password made some. ValidFrom goes up even if the clock does
// not: it is what tells the logins apart.
func (p *People) setPassword(u *store.User, hash string) {
	u.PasswordHash, u.Networks = hash, nil
	now := p.opt.Now().UTC()
	if !now.After(u.ValidFrom) {
		now = u.ValidFrom.Add(time.Nanosecond)
	}
	u.ValidFrom = now
}
