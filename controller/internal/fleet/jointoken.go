package fleet

import (
	"context"
	"crypto/rand"
	"time"

	"borgfleet/certs"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
)

// Bounds of a join token. A token that never ends would be a password.
const (
	JoinTokenMinLife = time.Minute
	JoinTokenMaxLife = 30 * 24 * time.Hour
	JoinTokenMaxUses = 10_000

	joinTokenLife = time.Hour // unless asked otherwise
)

// CreateJoinToken makes a token that lets hosts enrol. Only its hash is kept.
func (s *Service) CreateJoinToken(ctx context.Context, r JoinTokenRequest) (JoinToken, error) {
	if r.TTL == 0 {
		r.TTL = joinTokenLife
	}
	if r.TTL < JoinTokenMinLife || r.TTL > JoinTokenMaxLife {
		return JoinToken{}, fault.InvalidField("body.ttl", "a join token lives between 1 minute and 30 days")
	}
	if r.Uses == 0 {
		r.Uses = 1
	}
	if r.Uses < 1 || r.Uses > JoinTokenMaxUses {
		return JoinToken{}, fault.InvalidField("body.uses", "between 1 and %d", JoinTokenMaxUses)
	}
	if r.Name != "" {
		if err := checkAgentName(r.Name); err != nil {
			return JoinToken{}, fault.InvalidField("body.name", "%s", err)
		}
		if r.Uses > 1 {
			return JoinToken{}, fault.InvalidField("body.name", "a name can be given to one agent only; leave it out for a token with several uses")
		}
	}
	token, hash, err := certs.NewJoinToken(s.agentURL, s.authority.RootFingerprint(), rand.Reader)
	if err != nil {
		return JoinToken{}, err
	}
	rec := store.JoinToken{Hash: hash, Name: r.Name, Labels: r.Labels, ExpiresAt: s.now().Add(r.TTL).UTC(), UsesLeft: r.Uses}
	if err := s.store.Update(ctx, func(tx *store.Tx) error {
		tx.About("", aboutJoinToken(r, rec))
		return tx.PutJoinToken(rec)
	}); err != nil {
		return JoinToken{}, err
	}
	s.log.Info("join token made", "by", r.By, "name", r.Name, "uses", r.Uses, "expires_at", rec.ExpiresAt)
	return JoinToken{Token: token, ExpiresAt: rec.ExpiresAt}, nil
}
