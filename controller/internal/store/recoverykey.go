package store

import (
	"cmp"
	"slices"
	"time"

	storev1 "borgfleet/shared/proto/store/v1"
)

// RecoveryKey is the public half of a recovery key that the fleet has or had.
// The private half is nowhere here.
type RecoveryKey struct {
	Number    int64 // from 1; the highest is the fleet's
	Recipient string
	Since     time.Time
	By        string // who put it there; empty: the controller itself, when it had none
}

// RecoveryKeys gives all that the fleet has had; the last is the one that counts.
func (tx *Tx) RecoveryKeys() []RecoveryKey { return sortedRecoveryKeys(&tx.s.working) }

// AddRecoveryKey makes a key the fleet's. The former ones stay known: what was
// sealed to them is still opened by them.
func (tx *Tx) AddRecoveryKey(recipient, by string, at time.Time) error {
	k := RecoveryKey{Number: int64(len(tx.s.working.recoveryKeys)) + 1, Recipient: recipient, Since: at, By: by}
	p := &storev1.RecoveryKey{Number: k.Number, Recipient: text(k.Recipient), Since: stamp(k.Since), By: text(k.By)}
	return putRecord(tx, idKey(recoveryKeyPrefix, k.Number), p, recoveryKeysOf, k.Number, k)
}

// RecoveryKeys gives all that the fleet has had; the last is the one that counts.
func (s *Store) RecoveryKeys() []RecoveryKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sortedRecoveryKeys(&s.published)
}

// RecoveryKey gives the fleet's; false: it has none yet.
func (s *Store) RecoveryKey() (RecoveryKey, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.recoveryKeys.get(int64(len(s.published.recoveryKeys)))
}

func sortedRecoveryKeys(st *state) []RecoveryKey {
	return st.recoveryKeys.sorted(func(a, b *RecoveryKey) int { return cmp.Compare(a.Number, b.Number) })
}

// KnowsRecoveryKey says whether the fleet has or had this key.
func (tx *Tx) KnowsRecoveryKey(recipient string) bool {
	return slices.ContainsFunc(tx.RecoveryKeys(), func(k RecoveryKey) bool { return k.Recipient == recipient })
}

func recoveryKeyFromProto(p *storev1.RecoveryKey) RecoveryKey {
	return RecoveryKey{Number: p.Number, Recipient: p.Recipient, Since: instant(p.Since), By: p.By}
}

func recoveryKeysOf(st *state) table[int64, RecoveryKey] { return st.recoveryKeys }
