package store

import (
	"cmp"
	"time"

	storev1 "borgfleet/shared/proto/store/v1"
)

// APIToken lets a program use the API in a user's name. The secret is not kept.
type APIToken struct {
	ID         string
	Name       string // for people
	User       string
	Role       string // the most that it may do; never more than its user
	Hash       []byte // SHA-256 of the secret
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time // zero: not yet; may be behind by what is in memory
	Scope      *Scope    // nil: everything
}

func apiTokenToProto(t APIToken) *storev1.ApiToken {
	p := &storev1.ApiToken{
		Id: t.ID, Name: text(t.Name), User: text(t.User), Role: t.Role, Hash: t.Hash,
		CreatedAt: stamp(t.CreatedAt), ExpiresAt: stamp(t.ExpiresAt), LastUsedAt: stamp(t.LastUsedAt),
	}
	if t.Scope != nil {
		p.Repositories, p.Agents = t.Scope.Repositories, t.Scope.Agents
	}
	return p
}

func apiTokenFromProto(p *storev1.ApiToken) APIToken {
	return APIToken{
		ID: p.Id, Name: p.Name, User: p.User, Role: p.Role, Hash: p.Hash,
		CreatedAt: instant(p.CreatedAt), ExpiresAt: instant(p.ExpiresAt), LastUsedAt: instant(p.LastUsedAt),
		Scope: scopeOf(p.Repositories, p.Agents),
	}
}

// APIToken gives the token with this id, expired or not.
func (tx *Tx) APIToken(id string) (APIToken, bool) { return tx.s.working.apiTokens.get(id) }

// APITokens gives all tokens, the oldest first.
func (tx *Tx) APITokens() []APIToken { return sortedAPITokens(&tx.s.working) }

// PutAPIToken stores a token, new or changed.
func (tx *Tx) PutAPIToken(t APIToken) error {
	return putRecord(tx, nameKey(apiTokenPrefix, t.ID), apiTokenToProto(t), apiTokensOf, t.ID, t)
}

// DeleteAPIToken removes a token.
func (tx *Tx) DeleteAPIToken(id string) error {
	return removeRecord(tx, nameKey(apiTokenPrefix, id), apiTokensOf, id)
}

// APIToken gives the token with this id, expired or not.
func (s *Store) APIToken(id string) (APIToken, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.apiTokens.get(id)
}

// APITokens gives all tokens, the oldest first.
func (s *Store) APITokens() []APIToken {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sortedAPITokens(&s.published)
}

func apiTokensOf(st *state) table[string, APIToken] { return st.apiTokens }

func sortedAPITokens(st *state) []APIToken {
	return st.apiTokens.sorted(func(a, b *APIToken) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
}
