package store

import (
	"bytes"
	"time"

	storev1 "borgfleet/shared/proto/store/v1"
)

// JoinToken lets hosts enrol. The secret is not kept.
type JoinToken struct {
	Hash      []byte // SHA-256 of the secret
	Name      string // the agent's name; empty: the host's
	Labels    map[string]string
	ExpiresAt time.Time
	UsesLeft  int
	Uses      []JoinTokenUse
}

// JoinTokenUse is an enrolment with the token: repeated with the same key, it
// gets the same answer.
type JoinTokenUse struct {
	PublicKeySHA256 []byte
	Agent           string
}

func joinTokenToProto(t JoinToken) *storev1.JoinToken {
	p := &storev1.JoinToken{
		Hash: t.Hash, Name: text(t.Name), Labels: textMap(t.Labels),
		ExpiresAt: stamp(t.ExpiresAt), UsesLeft: int32(t.UsesLeft),
	}
	for _, u := range t.Uses {
		p.Uses = append(p.Uses, &storev1.JoinTokenUse{PublicKeySha256: u.PublicKeySHA256, Agent: u.Agent})
	}
	return p
}

func joinTokenFromProto(p *storev1.JoinToken) JoinToken {
	t := JoinToken{
		Hash: p.Hash, Name: p.Name, Labels: p.Labels,
		ExpiresAt: instant(p.ExpiresAt), UsesLeft: int(p.UsesLeft),
	}
	for _, u := range p.Uses {
		t.Uses = append(t.Uses, JoinTokenUse{PublicKeySHA256: u.PublicKeySha256, Agent: u.Agent})
	}
	return t
}

// JoinToken gives the token with this hash, expired or not.
func (tx *Tx) JoinToken(hash []byte) (JoinToken, bool) {
	return tx.s.working.joinTokens.get(string(hash))
}

// JoinTokens gives all tokens, in no order that means anything.
func (tx *Tx) JoinTokens() []JoinToken { return sortedTokens(&tx.s.working) }

// PutJoinToken stores a token, new or changed.
func (tx *Tx) PutJoinToken(t JoinToken) error {
	return putRecord(tx, joinTokenKey(t.Hash), joinTokenToProto(t), joinTokensOf, string(t.Hash), t)
}

// DeleteJoinToken removes a token.
func (tx *Tx) DeleteJoinToken(hash []byte) error {
	return removeRecord(tx, joinTokenKey(hash), joinTokensOf, string(hash))
}

// JoinTokens gives all tokens, in no order that means anything.
func (s *Store) JoinTokens() []JoinToken {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sortedTokens(&s.published)
}

func joinTokenKey(hash []byte) []byte { return append([]byte{joinTokenPrefix}, hash...) }

func joinTokensOf(st *state) table[string, JoinToken] { return st.joinTokens }

func sortedTokens(st *state) []JoinToken {
	return st.joinTokens.sorted(func(a, b *JoinToken) int { return bytes.Compare(a.Hash, b.Hash) })
}
