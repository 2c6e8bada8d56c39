package store

import (
	"cmp"
	"time"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
	storev1 "borgfleet/shared/proto/store/v1"
)

// Agent is the record of a host's agent.
type Agent struct {
	ID                   string
	Name                 string // unique in the fleet
	Hostname             string
	Labels               map[string]string
	Version              string
	StateID              string
	Borg                 []BorgBinary
	AgeRecipient         string
	EnrolledAt           time.Time
	LastContactAt        time.Time
	CertificateExpiresAt time.Time
	ValidFrom            time.Time // certificates issued before are refused
	Revoked              bool
	Paused               bool
	MaxParallel          int
	PublicKeySHA256      []byte // of the key it enrolled with
	Problem              string // what a person should look at; empty: nothing
	ProblemAt            time.Time
	RevokedAt            time.Time
	ClockSkew            time.Duration // how far its clock was ahead at the last Hello
	EnrolledName         string        // the name that its host knows, and names archives with
	MetStore             string        // id of the store that took its last Hello
	RecoveryRecipient    string        // of the recovery key that its host seals to; empty: none was accepted; "none": none is wanted
	Timezone             string        // of its host, IANA name; empty: not known
	AwaySince            time.Time     // its last contact before it was last away for long; zero: it never was
}

// BorgBinary is a borg found on the agent's host.
type BorgBinary struct {
	Path    string
	Version string
	Problem string // empty, or why the agent cannot use it
}

func agentToProto(a Agent) *storev1.Agent {
	p := &storev1.Agent{
		Id: a.ID, Name: text(a.Name), Hostname: text(a.Hostname), Labels: textMap(a.Labels),
		Version: text(a.Version), StateId: text(a.StateID), AgeRecipient: text(a.AgeRecipient),
		EnrolledAt: stamp(a.EnrolledAt), LastContactAt: stamp(a.LastContactAt),
		CertificateExpiresAt: stamp(a.CertificateExpiresAt), ValidFrom: stamp(a.ValidFrom),
		Revoked: a.Revoked, Paused: a.Paused, MaxParallel: int32(a.MaxParallel),
		PublicKeySha256: a.PublicKeySHA256,
		Problem:         text(a.Problem), ProblemAt: stamp(a.ProblemAt), RevokedAt: stamp(a.RevokedAt),
		ClockSkew: int64(a.ClockSkew), EnrolledName: text(a.EnrolledName),
		MetStore: text(a.MetStore), RecoveryRecipient: text(a.RecoveryRecipient), Timezone: text(a.Timezone), AwaySince: stamp(a.AwaySince),
	}
	for _, b := range a.Borg {
		p.Borg = append(p.Borg, &fleetv1.BorgBinary{Path: text(b.Path), Version: text(b.Version), Problem: text(b.Problem)})
	}
	return p
}

func agentFromProto(p *storev1.Agent) Agent {
	a := Agent{
		ID: p.Id, Name: p.Name, Hostname: p.Hostname, Labels: p.Labels,
		Version: p.Version, StateID: p.StateId, AgeRecipient: p.AgeRecipient,
		EnrolledAt: instant(p.EnrolledAt), LastContactAt: instant(p.LastContactAt),
		CertificateExpiresAt: instant(p.CertificateExpiresAt), ValidFrom: instant(p.ValidFrom),
		Revoked: p.Revoked, Paused: p.Paused, MaxParallel: int(p.MaxParallel),
		PublicKeySHA256: p.PublicKeySha256,
		Problem:         p.Problem, ProblemAt: instant(p.ProblemAt), RevokedAt: instant(p.RevokedAt),
		ClockSkew: time.Duration(p.ClockSkew), EnrolledName: cmp.Or(p.EnrolledName, p.Name),
		MetStore: p.MetStore, RecoveryRecipient: p.RecoveryRecipient, Timezone: p.Timezone, AwaySince: instant(p.AwaySince),
	}
	for _, b := range p.Borg {
		a.Borg = append(a.Borg, BorgBinary{Path: b.Path, Version: b.Version, Problem: b.Problem})
	}
	return a
}

// Agent gives the agent with this id.
func (tx *Tx) Agent(id string) (Agent, bool) { return tx.s.working.agents.get(id) }

// AgentsByID gives all agents by their ids, for those who want no order and change
// nothing: to sort and to copy them costs more than all else about a big fleet.
func (s *Store) AgentsByID() map[string]*Agent {
	s.mu.RLock()
	all := s.published.agents.all()
	s.mu.RUnlock()
	by := make(map[string]*Agent, len(all))
	for _, a := range all {
		by[a.ID] = a
	}
	return by
}

// AgentByName gives the agent with this name.
func (tx *Tx) AgentByName(name string) (Agent, bool) { return tx.s.working.agentByName(name) }

// Agents gives all agents by name.
func (tx *Tx) Agents() []Agent { return sortedAgents(&tx.s.working) }

// PutAgent stores an agent, new or changed.
func (tx *Tx) PutAgent(a Agent) error {
	old, had := tx.Agent(a.ID)
	if had && old.Name != a.Name {
		tx.change(unname(old))
	}
	tx.change(name(a))
	tx.changed(Changed{Thing: ThingAgent, Agent: a.ID})
	return putRecord(tx, nameKey(agentPrefix, a.ID), agentToProto(a), agentsOf, a.ID, a)
}

// Agent gives the agent with this id.
func (s *Store) Agent(id string) (Agent, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.agents.get(id)
}

// AgentByName gives the agent with this name.
func (s *Store) AgentByName(name string) (Agent, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.agentByName(name)
}

// Agents gives all agents by name.
func (s *Store) Agents() []Agent {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sortedAgents(&s.published)
}

func agentsOf(st *state) table[string, Agent] { return st.agents }

func namesOf(st *state) table[string, string] { return st.agentNames }

func (st *state) agentByName(name string) (Agent, bool) {
	id, ok := st.agentNames.get(name)
	if !ok {
		return Agent{}, false
	}
	return st.agents.get(id)
}

func name(a Agent) change { return put(namesOf, a.Name, a.ID) }

// unname frees an agent's old name, unless another agent has it by now.
func unname(a Agent) change {
	return func(st *state) (undo func(*state)) {
		if id, _ := st.agentNames.get(a.Name); id != a.ID {
			return func(*state) {}
		}
		return remove(namesOf, a.Name)(st)
	}
}

func sortedAgents(st *state) []Agent {
	return st.agents.sorted(func(a, b *Agent) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}
