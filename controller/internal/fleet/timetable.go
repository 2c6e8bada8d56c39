package fleet

import (
	"context"
	"sync"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

// timetables are what the hosts tell of their schedules. They tell all of it anew
// on each connection, so it is nowhere on the disk.
type timetables struct {
	mu sync.Mutex
	by map[string]map[scheduled]schedule.State // by agent; guarded by mu
}

// scheduled is a schedule at work for one repository.
type scheduled struct{ schedule, repository int64 }

func newTimetables() *timetables {
	return &timetables{by: map[string]map[scheduled]schedule.State{}}
}

func (t *timetables) put(agent string, states []schedule.State) {
	all := make(map[scheduled]schedule.State, len(states))
	for _, st := range states {
		all[scheduled{st.Schedule, st.Repository}] = st
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by[agent] = all
}

func (t *timetables) state(agent string, what scheduled) (schedule.State, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	st, ok := t.by[agent][what]
	return st, ok
}

// mostStates is more than a host has: repositories, with schedules each.
const mostStates = 10_000

// takeTimetable takes what an agent says of its schedules; nil: as before.
func (s *Service) takeTimetable(ctx context.Context, se *session, m *fleetv1.ScheduleStates) error {
	if m == nil {
		return nil
	}
	if len(m.States) > mostStates {
		return fault.New(fault.Malformed, "too_many_schedules", "the agent tells of %d schedules, and %d are the most", len(m.States), mostStates)
	}
	var states []schedule.State
	for _, p := range m.States {
		states = append(states, wire.ToScheduleState(p))
	}
	s.timetables.put(se.agent, states)
	zone := m.Timezone
	if len(zone) > mostName || schedule.CheckZone(zone) != nil {
		zone = ""
	}
	if a, ok := s.store.Agent(se.agent); !ok || a.Timezone == zone {
		return nil
	}
	return s.store.Update(ctx, func(tx *store.Tx) error {
		a, ok := tx.Agent(se.agent)
		if !ok || se.ctx.Err() != nil {
			return nil
		}
		a.Timezone = zone
		return tx.PutAgent(a)
	})
}

// overdueAfter is how long a run may be due before it is missed here: its host may
// be about to tell.
const overdueAfter = 10 * time.Minute
