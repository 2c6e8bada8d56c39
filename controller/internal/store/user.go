package store

import (
	"cmp"
	"net/netip"
	"time"

	storev1 "borgfleet/shared/proto/store/v1"
)

// User is a person who may log in.
type User struct {
	Name         string
	PasswordHash string // argon2id, PHC string
	Role         string // viewer, operator, admin
	CreatedAt    time.Time
	ValidFrom    time.Time // logins that were made before are refused
	Networks     []KnownNetwork
}

// KnownNetwork is one from which a user has logged in with the password that is
// good now.
type KnownNetwork struct {
	Prefix    netip.Prefix
	LastLogin time.Time
}

func userToProto(u User) *storev1.User {
	p := &storev1.User{Name: text(u.Name), PasswordHash: u.PasswordHash, Role: u.Role, CreatedAt: stamp(u.CreatedAt), ValidFrom: stamp(u.ValidFrom)}
	for _, n := range u.Networks {
		p.KnownNetworks = append(p.KnownNetworks, &storev1.KnownNetwork{Prefix: n.Prefix.String(), LastLogin: stamp(n.LastLogin)})
	}
	return p
}

func userFromProto(p *storev1.User) User {
	u := User{Name: p.Name, PasswordHash: p.PasswordHash, Role: p.Role, CreatedAt: instant(p.CreatedAt), ValidFrom: instant(p.ValidFrom)}
	for _, n := range p.KnownNetworks {
		if prefix, err := netip.ParsePrefix(n.Prefix); err == nil {
			u.Networks = append(u.Networks, KnownNetwork{Prefix: prefix, LastLogin: instant(n.LastLogin)})
		}
	}
	return u
}

// User gives the user with this name.
func (tx *Tx) User(name string) (User, bool) { return tx.s.working.users.get(name) }

// Users gives all users by name.
func (tx *Tx) Users() []User { return sortedUsers(&tx.s.working) }

// PutUser stores a user, new or changed.
func (tx *Tx) PutUser(u User) error {
	return putRecord(tx, nameKey(userPrefix, u.Name), userToProto(u), usersOf, u.Name, u)
}

// DeleteUser removes a user.
func (tx *Tx) DeleteUser(name string) error {
	return removeRecord(tx, nameKey(userPrefix, name), usersOf, name)
}

// User gives the user with this name.
func (s *Store) User(name string) (User, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.users.get(name)
}

// Users gives all users by name.
func (s *Store) Users() []User {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sortedUsers(&s.published)
}

func usersOf(st *state) table[string, User] { return st.users }

func sortedUsers(st *state) []User {
	return st.users.sorted(func(a, b *User) int { return cmp.Compare(a.Name, b.Name) })
}
