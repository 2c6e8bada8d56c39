package fleet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/seal"
)

// mostRecoveryKeys is how many a fleet can have had: of each repository the
// copies for all of them are kept.
const mostRecoveryKeys = 100

// RecoveryKeyView is the fleet's recovery key as people see it: its public half.
type RecoveryKeyView struct {
	Recipient string
	Since     time.Time
	By        string   // who put it there; empty: the controller, when it had none
	Former    []string // recipients of the keys before it, the newest first
}

// RecoveryKey answers for the fleet's recovery key.
func (s *Service) RecoveryKey(context.Context) (RecoveryKeyView, error) {
	all := s.store.RecoveryKeys()
	if len(all) == 0 {
		return RecoveryKeyView{}, fault.New(fault.NotFound, "no_recovery_key", "this fleet has no recovery key yet: the controller makes one when it starts")
	}
	now := all[len(all)-1]
	v := RecoveryKeyView{Recipient: now.Recipient, Since: now.Since, By: now.By}
	for _, k := range slices.Backward(all[:len(all)-1]) {
		v.Former = append(v.Former, k.Recipient)
	}
	return v, nil
}

// ReplaceRecoveryKey makes another key the fleet's. The agents hear of it, and
// each host's owner decides whether it counts there: who has only taken the
// controller over must not have the hosts seal to a key of theirs.
func (s *Service) ReplaceRecoveryKey(ctx context.Context, recipient, by string) (RecoveryKeyView, error) {
	if err := seal.CheckRecipient(recipient); err != nil {
		return RecoveryKeyView{}, fault.InvalidField("body.recipient", "%s", err)
	}
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		all := tx.RecoveryKeys()
		switch {
		case len(all) > 0 && all[len(all)-1].Recipient == recipient:
			return nil
		case len(all) >= mostRecoveryKeys:
			return fault.New(fault.Conflict, "too_many_recovery_keys", "this fleet has had %d recovery keys, and no more are kept apart", len(all))
		}
		tx.OnCommit(func() {
			s.log.Warn("recovery key replaced", "fingerprint", seal.Fingerprint(recipient), "by", by)
			s.sayAgain()
		})
		return tx.AddRecoveryKey(recipient, by, s.now().UTC())
	})
	if err != nil {
		return RecoveryKeyView{}, err
	}
	return s.RecoveryKey(ctx)
}

// sayAgain sends every agent that is there a fresh snapshot.
func (s *Service) sayAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, se := range s.sessions {
		se.again()
	}
}

// recoveryRecipient is what the fleet's agents are told.
func (s *Service) recoveryRecipient() string {
	k, _ := s.store.RecoveryKey()
	return k.Recipient
}

// noRecoveryKey is what an agent says whose host's owner wants none.
const noRecoveryKey = "none"

// recoveryAccepted takes what an agent says that its host seals to.
func recoveryAccepted(told string) string {
	if told != noRecoveryKey && seal.CheckRecipient(told) != nil {
		return ""
	}
	return told
}

// takeRecovery writes down which recovery key a host seals to; nil: as before.
func (s *Service) takeRecovery(ctx context.Context, se *session, told *string) error {
	if told == nil {
		return nil
	}
	now := recoveryAccepted(*told)
	return s.store.Update(ctx, func(tx *store.Tx) error {
		a, ok := tx.Agent(se.agent)
		if !ok || se.ctx.Err() != nil || a.RecoveryRecipient == now {
			return nil
		}
		a.RecoveryRecipient = now
		s.log.Info("an agent seals to another recovery key", "agent", a.ID, "fingerprint", seal.Fingerprint(now))
		return tx.PutAgent(a)
	})
}

// recoveryProblem is what a person should know of an agent whose host does not
// seal to the fleet's recovery key, though its owner has not said that it must
// not.
func (s *Service) recoveryProblem(a store.Agent) (string, time.Time) {
	k, ok := s.store.RecoveryKey()
	if !ok || a.StateID == "" || a.RecoveryRecipient == k.Recipient || a.RecoveryRecipient == noRecoveryKey {
		return "", time.Time{}
	}
	has := "has accepted no recovery key yet"
	if a.RecoveryRecipient != "" {
		has = "seals to another recovery key, " + seal.Fingerprint(a.RecoveryRecipient)
	}
	return fmt.Sprintf("its host %s; to accept the fleet's, %s, run there, after comparing: borgfleet-agent allow --recovery-key %s",
		has, seal.Fingerprint(k.Recipient), k.Recipient), k.Since
}
