package fleet

import (
	"context"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
)

// AgentMaxParallel is the most jobs that a host may be given at once.
const AgentMaxParallel = 64

// AgentChange says what is to be changed of an agent; nil: it stays.
type AgentChange struct {
	Name        *string
	Labels      map[string]string // all of them
	Paused      *bool
	MaxParallel *int // 0: the controller's default
	By          string
}

// ChangeAgent changes an agent, clears its problem, and lets start what may
// start now.
func (s *Service) ChangeAgent(ctx context.Context, ref string, c AgentChange) (AgentView, error) {
	if c.Name != nil {
		if err := checkAgentName(*c.Name); err != nil {
			return AgentView{}, fault.InvalidField("body.name", "%s", err)
		}
	}
	v, err := s.updateAgent(ctx, ref, func(tx *store.Tx, a store.Agent) error {
		tx.About(agentName(a.ID), c.about(a))
		if err := c.apply(tx, &a); err != nil {
			return err
		}
		if err := tx.PutAgent(a); err != nil {
			return err
		}
		return s.dispatch(tx, a.ID)
	})
	if err == nil {
		s.log.Info("agent changed", "agent", v.ID, "name", v.Name, "paused", v.Paused, "max_parallel", v.MaxParallel, "by", c.By)
	}
	return v, err
}

func (c AgentChange) apply(tx *store.Tx, a *store.Agent) error {
	if c.Name != nil {
		if other, taken := tx.AgentByName(*c.Name); taken && other.ID != a.ID {
			return fault.New(fault.Conflict, "agent_name_taken",
				"an agent named %q is already enrolled (id %s, host %s); choose another name", *c.Name, other.ID, other.Hostname)
		}
		a.Name = *c.Name
	}
	if c.Labels != nil {
		a.Labels = c.Labels
	}
	if c.Paused != nil {
		a.Paused = *c.Paused
	}
	if c.MaxParallel != nil {
		a.MaxParallel = *c.MaxParallel
	}
	a.Problem, a.ProblemAt = "", time.Time{}
	return nil
}

// RevokeAgent shuts an agent out: its certificates are refused from the next
// call on, and its streams end at once. What it was doing goes on unseen, so
// its jobs stay as they are known. There is no way back but to enrol again.
func (s *Service) RevokeAgent(ctx context.Context, ref, by string) (AgentView, error) {
	found, err := s.findAgent(ref)
	if err != nil {
		return AgentView{}, err
	}
	at := s.now().UTC()
	// First where it outlives the store: should the store refuse, it is refused
	// all the same.
	if err := s.shutOut.Add(found.ID, at); err != nil {
		return AgentView{}, err
	}
	return s.updateAgent(ctx, ref, func(tx *store.Tx, a store.Agent) error {
		if a.Revoked {
			return nil
		}
		tx.Urgent()
		a.Revoked, a.RevokedAt = true, at
		tx.About(agentName(a.ID), a.Name)
		tx.OnCommit(func() {
			s.expel(a.ID, revoked(a))
			s.log.Warn("agent revoked", "agent", a.ID, "name", a.Name, "by", by)
		})
		return tx.PutAgent(a)
	})
}

// updateAgent has fn change an agent, and gives it as it is then. Its jobs may
// wait for another reason now.
func (s *Service) updateAgent(ctx context.Context, ref string, fn func(*store.Tx, store.Agent) error) (AgentView, error) {
	found, err := s.findAgent(ref)
	if err != nil {
		return AgentView{}, err
	}
	err = s.store.Update(ctx, func(tx *store.Tx) error {
		a, ok := tx.Agent(found.ID)
		if !ok {
			return noSuchAgent(ref)
		}
		if err := fn(tx, a); err != nil {
			return err
		}
		if now, _ := tx.Agent(a.ID); now.Name != a.Name {
			s.noticeName(tx, a.ID)
		}
		tx.OnCommit(func() { s.noticeAgent(a.ID) })
		return nil
	})
	if err != nil {
		return AgentView{}, err
	}
	return s.Agent(ctx, found.ID)
}
