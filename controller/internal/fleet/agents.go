package fleet

import (
	"context"
	"slices"
	"strings"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// Agents lists the fleet by name.
func (s *Service) Agents(context.Context) []AgentView {
	all := s.store.Agents()
	out := make([]AgentView, 0, len(all))
	for _, a := range all {
		out = append(out, s.agentView(a))
	}
	slices.SortFunc(out, func(a, b AgentView) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Agent answers for one agent, by id or name.
func (s *Service) Agent(_ context.Context, ref string) (AgentView, error) {
	a, err := s.findAgent(ref)
	if err != nil {
		return AgentView{}, err
	}
	return s.agentView(a), nil
}

func (s *Service) agentView(a store.Agent) AgentView {
	v := AgentView{
		ID: a.ID, Name: a.Name, Hostname: a.Hostname, Online: s.online(a.ID),
		LastContactAt: s.lastContact(a), EnrolledAt: a.EnrolledAt, Labels: a.Labels,
		Version: a.Version, CertificateExpiresAt: a.CertificateExpiresAt,
		Paused: a.Paused, Revoked: a.Revoked, RevokedAt: a.RevokedAt,
		MaxParallel: a.MaxParallel, AgeRecipient: a.AgeRecipient,
	}
	if s.now().Sub(a.ProblemAt) < problemLife {
		v.Problem, v.ProblemAt = a.Problem, a.ProblemAt
	}
	if v.Problem == "" {
		v.Problem, v.ProblemAt = s.heldProblem(a)
	}
	if v.Problem == "" {
		v.Problem, v.ProblemAt = s.recoveryProblem(a)
	}
	if a.RecoveryRecipient != noRecoveryKey {
		v.RecoveryRecipient = a.RecoveryRecipient
	}
	v.RecoveryAccepted = v.RecoveryRecipient != "" && v.RecoveryRecipient == s.recoveryRecipient()
	if a.StateID != "" {
		v.ClockSkew = &a.ClockSkew
	}
	if v.MaxParallel == 0 {
		v.MaxParallel = s.set.MaxParallel
	}
	for _, b := range a.Borg {
		v.Borg = append(v.Borg, BorgBinary(b))
	}
	for _, j := range s.store.Active(a.ID) {
		if j.Status == job.Running {
			v.Running++
		} else {
			v.Waiting++
		}
	}
	return v
}

func (s *Service) findAgent(ref string) (store.Agent, error) {
	if a, ok := s.store.Agent(ref); ok {
		return a, nil
	}
	if a, ok := s.store.AgentByName(ref); ok {
		return a, nil
	}
	return store.Agent{}, noSuchAgent(ref)
}

func noSuchAgent(ref string) error {
	return fault.New(fault.NotFound, "agent_not_found", "no agent %q is enrolled", ref)
}

// agentName is also that of an agent that was deleted: its history stays.
func (s *Service) agentName(id string) string {
	if a, ok := s.store.Agent(id); ok {
		return a.Name
	}
	if a, ok := s.store.FormerAgent(id); ok {
		return a.Name
	}
	return id
}
