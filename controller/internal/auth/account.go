package auth

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
)

// Account is a user as administrators see it.
type Account struct {
	Name      string
	Role      Role
	CreatedAt time.Time
	APITokens int
}

// NewAccount asks for a user. What is in it has been checked.
type NewAccount struct {
	Name, Password string
	Role           Role
}

// AccountChange changes a user. Empty fields leave what is there.
type AccountChange struct {
	Password string
	Role     Role
}

// Accounts gives all users by name.
func (p *People) Accounts() []Account {
	tokens := map[string]int{}
	for _, t := range p.opt.Store.APITokens() {
		tokens[t.User]++
	}
	var all []Account
	for _, u := range p.opt.Store.Users() {
		all = append(all, Account{Name: u.Name, Role: Role(u.Role), CreatedAt: u.CreatedAt, APITokens: tokens[u.Name]})
	}
	return all
}

// Account gives one user.
func (p *People) Account(name string) (Account, error) {
	for _, a := range p.Accounts() {
		if a.Name == name {
			return a, nil
		}
	}
	return Account{}, noUser(name)
}

func noUser(name string) error {
	return fault.New(fault.NotFound, "user_not_found", "there is no user %q", name)
}

// CreateAccount makes a user.
func (p *People) CreateAccount(ctx context.Context, a NewAccount) (Account, error) {
	hash, err := p.opt.Hasher.Hash(ctx, a.Password)
	if err != nil {
		return Account{}, err
	}
	err = p.opt.Store.Update(ctx, func(tx *store.Tx) error {
		if _, there := tx.User(a.Name); there {
			return fault.New(fault.Conflict, "user_exists", "there is a user %q already", a.Name)
		}
		tx.About("user/"+a.Name, "role "+string(a.Role))
		now := p.opt.Now().UTC()
		// Logins of an earlier user of this name are not this one's.
		return tx.PutUser(store.User{Name: a.Name, PasswordHash: hash, Role: string(a.Role), CreatedAt: now, ValidFrom: now})
	})
	if err != nil {
		return Account{}, fmt.Errorf("create user: %w", err)
	}
	return p.Account(a.Name)
}

// ChangeAccount changes a user. A new role counts from the next call on; a new
// password ends the user's logins, but not the user's API tokens.
func (p *People) ChangeAccount(ctx context.Context, name string, c AccountChange) (Account, error) {
	var hash string
	if c.Password != "" {
		if _, there := p.opt.Store.User(name); !there {
			return Account{}, noUser(name) // before a hash is made for nobody
		}
		var err error
		if hash, err = p.opt.Hasher.Hash(ctx, c.Password); err != nil {
			return Account{}, err
		}
	}
	err := p.opt.Store.Update(ctx, func(tx *store.Tx) error {
		tx.Urgent() // it may be for a password that was stolen
		u, there := tx.User(name)
		if !there {
			return noUser(name)
		}
		tx.About("user/"+name, c.about(u))
		if c.Role != "" {
			if c.Role != Admin {
				if err := keepAdmin(tx, u); err != nil {
					return err
				}
			}
			u.Role = string(c.Role)
		}
		if hash != "" {
			p.setPassword(&u, hash)
		}
		return tx.PutUser(u)
	})
	if err != nil {
		return Account{}, fmt.Errorf("change user: %w", err)
	}
	return p.Account(name)
}

// about says for the audit log what changes of a user.
func (c AccountChange) about(u store.User) string {
	var parts []string
	if c.Role != "" && string(c.Role) != u.Role {
		parts = append(parts, fmt.Sprintf("role %s, was %s", c.Role, u.Role))
	}
	if c.Password != "" {
		parts = append(parts, "password")
	}
	return cmp.Or(strings.Join(parts, "; "), "nothing")
}

// DeleteAccount removes a user and the user's API tokens.
func (p *People) DeleteAccount(ctx context.Context, name string) error {
	err := p.opt.Store.Update(ctx, func(tx *store.Tx) error {
		tx.Urgent()
		u, there := tx.User(name)
		if !there {
			return noUser(name)
		}
		if err := keepAdmin(tx, u); err != nil {
			return err
		}
		for _, t := range tx.APITokens() {
			if t.User != name {
				continue
			}
			if err := tx.DeleteAPIToken(t.ID); err != nil {
				return err
			}
		}
		return tx.DeleteUser(name)
	})
	if err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return nil
}

// keepAdmin refuses to take the last administrator away. It must be asked in
// the update that would do so: two who demote each other at once are each not
// the last when they ask before.
func keepAdmin(tx *store.Tx, u store.User) error {
	if Role(u.Role) != Admin {
		return nil
	}
	for _, other := range tx.Users() {
		if other.Name != u.Name && Role(other.Role) == Admin {
			return nil
		}
	}
	return fault.New(fault.Conflict, "last_admin", "%s is the last administrator: make another user one first", u.Name)
}
