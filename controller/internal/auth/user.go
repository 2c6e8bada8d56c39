package auth

import (
	"net/netip"
	"slices"
	"time"
)

// User is an account as a login needs it.
type User struct {
	Name         string
	PasswordHash string // of Hasher.Hash
	Role         Role
	ValidFrom    time.Time // changes when all its logins are ended
	Networks     []netip.Prefix
}

// knows says whether the user has logged in from there before, with the password
// that is good now.
func (u User) knows(from netip.Addr) bool {
	return from.IsValid() && slices.Contains(u.Networks, network(from))
}

// Users is where the accounts are kept.
type Users interface {
	Get(name string) (User, bool)
}

// generation tells the logins before and after a ValidFrom apart. It is
// compared for equality only: unlike two times it cannot be wrong when a clock
// was set, and a password that was checked before it was changed gives a token
// that is refused, however long that took.
func (u User) generation() int64 {
	if u.ValidFrom.IsZero() {
		return 0
	}
	return u.ValidFrom.UnixNano()
}
