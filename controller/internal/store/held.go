package store

import (
	"cmp"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	storev1 "borgfleet/shared/proto/store/v1"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

// HeldRepository is a definition that an agent holds and that this store, which
// was restored from a backup, does not know, or knows otherwise.
type HeldRepository struct {
	Agent      string
	Repository job.Repository // as the agent has it
	Schedules  []schedule.Schedule
	Settled    bool // decided; the agent has not confirmed it yet
}

type heldID struct {
	agent      string
	repository int64
}

func (h HeldRepository) id() heldID { return heldID{h.Agent, h.Repository.ID} }

// PutHeldRepository stores what an agent holds, new or changed.
func (tx *Tx) PutHeldRepository(h HeldRepository) error {
	p := &storev1.HeldRepository{Agent: h.Agent, Definition: h.Message(), Settled: h.Settled}
	return putRecord(tx, heldKey(h.Repository.ID, h.Agent), p, heldOf, h.id(), h)
}

// DeleteHeldRepository forgets what an agent holds no more.
func (tx *Tx) DeleteHeldRepository(agent string, repository int64) error {
	return removeRecord(tx, heldKey(repository, agent), heldOf, heldID{agent, repository})
}

// HeldRepositories gives what all agents hold, by agent and repository.
func (tx *Tx) HeldRepositories() []HeldRepository { return sortedHeld(&tx.s.working) }

// HeldRepositories gives what all agents hold, by agent and repository.
func (s *Store) HeldRepositories() []HeldRepository {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sortedHeld(&s.published)
}

// HeldBy gives what one agent holds, in no order.
func (s *Store) HeldBy(agent string) (out []HeldRepository) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for id, h := range s.published.held {
		if id.agent == agent {
			out = append(out, *h)
		}
	}
	return out
}

// Message is the definition as its agent sends it.
func (h HeldRepository) Message() *fleetv1.Repository {
	m := wire.FromRepository(h.Repository)
	m.Schedules = wire.FromSchedules(h.Schedules)
	return m
}

// HeldFrom is what an agent holds, as it sends it. A schedule that cannot be read
// is left out.
func HeldFrom(agent string, m *fleetv1.Repository) HeldRepository {
	h := HeldRepository{Agent: agent, Repository: wire.ToRepository(m)}
	for _, p := range m.GetSchedules() {
		if s, err := wire.CheckedSchedule(p); err == nil {
			h.Schedules = append(h.Schedules, s)
		}
	}
	return h
}

func heldFromProto(p *storev1.HeldRepository) HeldRepository {
	h := HeldFrom(p.Agent, p.Definition)
	h.Settled = p.Settled
	return h
}

func heldOf(st *state) table[heldID, HeldRepository] { return st.held }

func sortedHeld(st *state) []HeldRepository {
	return st.held.sorted(func(a, b *HeldRepository) int {
		return cmp.Or(cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Repository.ID, b.Repository.ID))
	})
}
