package fleet

import (
	"context"
	"errors"

	"borgfleet/certs"
	"borgfleet/controller/internal/audit"
	"borgfleet/controller/internal/fault"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// renew gives an agent a certificate for a new key. Nothing is written down: the
// old one stays good until the new one has said Hello, so a lost answer costs
// nothing.
func (s *Service) renew(ctx context.Context, req *fleetv1.RenewRequest) (*fleetv1.RenewResponse, error) {
	id, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	s.isAgent(ctx, id)
	chain, err := s.signNext("certificate renewed", req.Csr, id)
	if err != nil {
		return nil, err
	}
	return &fleetv1.RenewResponse{Chain: chain, Root: s.authority.Root()}, nil
}

// recoverAgent gives a certificate to an agent whose old one has expired. The
// connection has no identity; the proof makes up for it. Here, too, nothing is
// written down before the new certificate says Hello.
func (s *Service) recoverAgent(ctx context.Context, req *fleetv1.RecoverRequest) (*fleetv1.RecoverResponse, error) {
	audit.Of(ctx).Presented()
	state, err := connectionOf(ctx)
	if err != nil {
		return nil, err
	}
	id, err := s.authority.CheckRecover(req.Chain, req.Csr, req.Proof, state.ExportKeyingMaterial, s.now())
	if errors.Is(err, certs.ErrTooLate) {
		return nil, fault.New(fault.Unauthenticated, "recover_too_late", "%s, and a new one is given for %d days after; %s", err, int(certs.RecoverFor.Hours()/24), enrolAgain)
	}
	if err != nil {
		return nil, fault.New(fault.Unauthenticated, "recover_refused", "%s", err)
	}
	s.isAgent(ctx, id)
	a, ok := s.store.Agent(id.AgentID)
	if err := s.admitAgent(a, ok, id); err != nil {
		return nil, err
	}
	chain, err := s.signNext("certificate recovered", req.Csr, id)
	if err != nil {
		return nil, err
	}
	return &fleetv1.RecoverResponse{Chain: chain, Root: s.authority.Root()}, nil
}

func (s *Service) signNext(what string, csr []byte, id certs.Identity) ([][]byte, error) {
	chain, cert, err := s.authority.SignAgent(csr, id.AgentID, s.now())
	if err != nil {
		return nil, fault.New(fault.Malformed, "csr_refused", "%s", err)
	}
	s.log.Info(what, "agent", id.AgentID, "old_until", id.NotAfter, "until", cert.NotAfter)
	return chain, nil
}
