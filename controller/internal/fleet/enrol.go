package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"borgfleet/certs"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/seal"
)

const maxAgentName = 64

// enrol turns a join token into a certificate. The token's use and the agent's
// record are one commit; a repeat with the same key finds the agent that the
// first try made, so a lost answer costs nothing.
func (s *Service) enrol(ctx context.Context, req *fleetv1.EnrollRequest) (*fleetv1.EnrollResponse, error) {
	parsed, err := certs.ParseJoinToken(req.Token)
	if err != nil {
		return nil, fault.New(fault.Malformed, "join_token_malformed", "%s", err)
	}
	hash := certs.HashSecret(parsed.Secret)
	key, err := certs.RequestKeySHA256(req.Csr)
	if err != nil {
		return nil, fault.New(fault.Malformed, "csr_refused", "%s", err)
	}

	var out *fleetv1.EnrollResponse
	err = s.store.Update(ctx, func(tx *store.Tx) error {
		agent, err := s.admitNew(tx, hash, key, req)
		if err != nil {
			return err
		}
		chain, cert, err := s.authority.SignAgent(req.Csr, agent.ID, s.now())
		if err != nil {
			return fault.Wrap(err, fault.Invalid, "csr_refused", "the certificate request is refused")
		}
		agent.CertificateExpiresAt = cert.NotAfter
		tx.About(agentName(agent.ID), fmt.Sprintf("%s, host %s", agent.Name, agent.Hostname))
		out = &fleetv1.EnrollResponse{
			AgentId: agent.ID, Name: agent.EnrolledName, FleetId: s.authority.FleetID(),
			Chain: chain, Root: s.authority.Root(), RecoveryRecipient: s.recoveryRecipient(),
		}
		return tx.PutAgent(agent)
	})
	if err != nil {
		return nil, err
	}
	s.log.Info("agent enrolled", "agent", out.AgentId, "name", out.Name)
	return out, nil
}

// admitNew checks the token and finds or makes the agent that uses it.
func (s *Service) admitNew(tx *store.Tx, hash, key []byte, req *fleetv1.EnrollRequest) (store.Agent, error) {
	token, ok := tx.JoinToken(hash)
	if !ok {
		return store.Agent{}, fault.New(fault.Unauthenticated, "join_token_unknown",
			"this controller did not make this join token, or has forgotten it; make a new one with borgfleet-controller join-token create")
	}
	// Also for who has used it: an old copy of a host, token and all, must not be
	// let in again for ever.
	if !s.now().Before(token.ExpiresAt) {
		return store.Agent{}, fault.New(fault.Unauthenticated, "join_token_expired",
			"this join token expired at %s; make a new one with borgfleet-controller join-token create", moment(token.ExpiresAt))
	}
	if id, used, err := tx.JoinTokenUse(token, key); err != nil {
		return store.Agent{}, err
	} else if used {
		a, ok := tx.Agent(id)
		if !ok || a.Revoked {
			return a, fault.New(fault.Forbidden, "agent_revoked", "the agent that enrolled with this key has been removed; %s", enrolAgain)
		}
		return a, nil
	}
	if token.UsesLeft < 1 {
		return store.Agent{}, fault.New(fault.Unauthenticated, "join_token_used",
			"this join token has already been used; make a new one with borgfleet-controller join-token create")
	}
	agent, err := s.newAgent(tx, token, key, req)
	if err != nil {
		return agent, err
	}
	return agent, tx.UseJoinToken(token, store.JoinTokenUse{PublicKeySHA256: key, Agent: agent.ID})
}

func (s *Service) newAgent(tx *store.Tx, token store.JoinToken, key []byte, req *fleetv1.EnrollRequest) (store.Agent, error) {
	if token.Name != "" && req.Name != "" && req.Name != token.Name {
		return store.Agent{}, fault.New(fault.Conflict, "agent_name_differs",
			"this join token was made for the name %q; leave --name out, or make a token without a name", token.Name)
	}
	name := token.Name
	for _, other := range []string{req.Name, req.Hostname} {
		if name == "" {
			name = other
		}
	}
	if err := checkAgentName(name); err != nil {
		return store.Agent{}, fault.New(fault.Invalid, "agent_name_invalid", "agent name %q: %s; choose another with --name", name, err)
	}
	if other, taken := tx.AgentByName(name); taken {
		return store.Agent{}, fault.New(fault.Conflict, "agent_name_taken",
			"an agent named %q is already enrolled (id %s, host %s); choose another name with --name", name, other.ID, other.Hostname)
	}
	if err := seal.CheckRecipient(req.AgeRecipient); err != nil {
		return store.Agent{}, fault.New(fault.Malformed, "age_recipient_malformed", "the agent's sealing key is refused: %s", err)
	}
	now := s.now().UTC()
	return store.Agent{
		ID: uuid.NewString(), Name: name, Hostname: cutTo(req.Hostname, mostName), Labels: token.Labels,
		Version: cutTo(req.Version, mostName), AgeRecipient: req.AgeRecipient, EnrolledAt: now, EnrolledName: name, PublicKeySHA256: key,
	}, nil
}

// checkAgentName keeps names fit for paths, archive names and command lines.
func checkAgentName(name string) error {
	if name == "" || len(name) > maxAgentName {
		return errors.New("a name has 1 to 64 characters")
	}
	for i, r := range name {
		ok := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || (i > 0 && (r == '-' || r == '_' || r == '.'))
		if !ok {
			return errors.New("a name has letters, digits, '-', '_' and '.', and begins with a letter or digit")
		}
	}
	return nil
}
