package fleet

import (
	"context"
	"slices"
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

// put takes nothing from a session that has ended: its agent may have been expelled,
// and what is put then would never go.
func (t *timetables) put(se *session, all map[scheduled]schedule.State) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if se.ctx.Err() == nil {
		t.by[se.agent] = all
	}
}

func (t *timetables) forget(agent string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.by, agent)
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
	all := map[scheduled]schedule.State{}
	for _, p := range m.States {
		if what := (scheduled{p.GetScheduleId(), p.GetRepositoryId()}); s.isScheduled(se.agent, what) {
			all[what] = wire.ToScheduleState(p)
		}
	}
	s.timetables.put(se, all)
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

// isScheduled says whether there is such a thing for the agent: what it makes up is
// not kept.
func (s *Service) isScheduled(agent string, what scheduled) bool {
	repo, ok := s.store.Repository(what.repository)
	if !ok || repo.Agent != agent {
		return false
	}
	one, ok := s.store.Schedule(what.schedule)
	if !ok {
		return false
	}
	_, has := slices.BinarySearch(one.Repositories, what.repository)
	return has
}

// overdueAfter is how long a run may be due before it is missed here: its host may
// be about to tell.
const overdueAfter = 10 * time.Minute
