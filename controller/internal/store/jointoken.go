package store

import (
	"bytes"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	storev1 "borgfleet/shared/proto/store/v1"
)

// JoinToken lets hosts enrol. The secret is not kept.
type JoinToken struct {
	Hash      []byte // SHA-256 of the secret
	Name      string // the agent's name; empty: the host's
	Labels    map[string]string
	ExpiresAt time.Time
	UsesLeft  int
	Uses      []JoinTokenUse // of a token that was used before each use had its own entry
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
		p.Uses = append(p.Uses, useToProto(u))
	}
	return p
}

func useToProto(u JoinTokenUse) *storev1.JoinTokenUse {
	return &storev1.JoinTokenUse{PublicKeySha256: u.PublicKeySHA256, Agent: u.Agent}
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

// JoinTokenUse gives the agent that enrolled with a token and this public key.
func (tx *Tx) JoinTokenUse(t JoinToken, key []byte) (agent string, ok bool, err error) {
	for _, u := range t.Uses {
		if bytes.Equal(u.PublicKeySHA256, key) {
			return u.Agent, true, nil
		}
	}
	b, ok, err := tx.get(joinTokenUseKey(t.Hash, key))
	if err != nil || !ok {
		return "", false, err
	}
	var p storev1.JoinTokenUse
	if err := proto.Unmarshal(b, &p); err != nil {
		return "", false, fmt.Errorf("read the use of a join token: %w", err)
	}
	return p.Agent, true, nil
}

// UseJoinToken takes one of a token's uses for an enrolment. Each has an entry of its
// own: in the token's, thousands of them would be written anew with each. It is of no
// use any more when the token is not, and goes by itself then.
func (tx *Tx) UseJoinToken(t JoinToken, use JoinTokenUse) error {
	t.UsesLeft--
	b, err := proto.Marshal(useToProto(use))
	if err != nil {
		return fmt.Errorf("encode the use of a join token: %w", err)
	}
	left := t.ExpiresAt.Sub(tx.s.opt.Now()) // by the injected clock; Badger goes by the machine's
	if err := tx.setExpiring(joinTokenUseKey(t.Hash, use.PublicKeySHA256), b, time.Now().Add(left+time.Hour)); err != nil {
		return err
	}
	return tx.PutJoinToken(t)
}

// JoinTokens gives all tokens, in no order that means anything.
func (s *Store) JoinTokens() []JoinToken {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sortedTokens(&s.published)
}

func joinTokenKey(hash []byte) []byte { return append([]byte{joinTokenPrefix}, hash...) }

func joinTokenUseKey(hash, key []byte) []byte {
	return append(append([]byte{joinTokenUsePrefix}, hash...), key...)
}

func joinTokensOf(st *state) table[string, JoinToken] { return st.joinTokens }

func sortedTokens(st *state) []JoinToken {
	return st.joinTokens.sorted(func(a, b *JoinToken) int { return bytes.Compare(a.Hash, b.Hash) })
}
