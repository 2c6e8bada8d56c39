package fleet

import (
	"time"

	"borgfleet/certs"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/wire"
)

// enrolAgain is the way out for a host whose certificate is of no use any more.
const enrolAgain = "to use its host again, enrol it as a new agent: make a token with borgfleet-controller join-token create, and on the host run borgfleet-agent enroll with an empty --state-dir"

// codeReplaced refuses a certificate that is not the agent's newest.
const codeReplaced = "certificate_replaced"

// admit looks the agent up: it must be known, not revoked, and its certificate
// must be in date and not older than the agent's valid_from.
func (s *Service) admit(id certs.Identity) error {
	a, ok := s.store.Agent(id.AgentID)
	if err := s.admitAgent(a, ok, id); err != nil {
		return err
	}
	if !s.now().Before(id.NotAfter) {
		return fault.New(fault.Unauthenticated, wire.CodeCertificateExpired, "the certificate of agent %s ended at %s", a.Name, moment(id.NotAfter))
	}
	return nil
}

// admitAgent is admit without the dates: an agent that recovers has expired. An
// agent that is not known passes if it may return; see admitReturning.
func (s *Service) admitAgent(a store.Agent, known bool, id certs.Identity) error {
	at, shut := s.shutOut.At(id.AgentID)
	switch {
	case !known && shut:
		return unknown(id.AgentID)
	case !known:
		return s.admitReturning(id)
	case shut && !a.Revoked:
		a.RevokedAt = at // the store may be older than that
		return revoked(a)
	case a.Revoked:
		return revoked(a)
	case id.IssuedAt().Before(a.ValidFrom):
		return fault.New(fault.Unauthenticated, codeReplaced,
			"this certificate of agent %s has been replaced by a newer one; if that one is lost, %s", a.Name, enrolAgain)
	}
	return nil
}

func unknown(id string) error {
	return fault.New(fault.Unauthenticated, "agent_unknown", "agent %s is not enrolled in this fleet (any more); %s", id, enrolAgain)
}

func revoked(a store.Agent) error {
	return fault.New(fault.Forbidden, "agent_revoked", "agent %s was revoked at %s; %s", a.Name, moment(a.RevokedAt), enrolAgain)
}

// refuseGone keeps new jobs from an agent that will never take them.
func refuseGone(tx *store.Tx, id string) error {
	a, ok := tx.Agent(id)
	if !ok {
		return noSuchAgent(id)
	}
	if a.Revoked {
		return fault.New(fault.Conflict, "agent_revoked", "agent %s was revoked at %s and takes no jobs: %s", a.Name, moment(a.RevokedAt), enrolAgain)
	}
	return nil
}

// moment is how messages write a time.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
