package cli

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/job"
)

// mostEnded is how many jobs that have ended are kept to be shown.
const mostEnded = 10

// fleetState is what is known of a fleet that is watched.
type fleetState struct {
	began  time.Time             // in whole seconds, as the API writes times
	agents map[string]rest.Agent // by id
	active map[int64]rest.Job
	ended  []rest.Job // while it was watched; the newest first

	away  error // the controller does not answer
	since time.Time
}

func newFleetState(now time.Time) *fleetState {
	return &fleetState{began: now.Truncate(time.Second), agents: map[string]rest.Agent{}, active: map[int64]rest.Job{}}
}

// replace takes in everything that there is. What has ended unseen is not known
// to be active any more.
func (f *fleetState) replace(agents []rest.Agent, jobs []rest.Job) {
	clear(f.agents)
	clear(f.active)
	for _, a := range agents {
		f.agents[a.ID] = a
	}
	for _, j := range jobs {
		f.active[j.ID] = j
	}
}

func (f *fleetState) hear(e client.FleetEvent, now time.Time) {
	if e.Cut != nil {
		if f.away == nil {
			f.since = now
		}
		f.away = e.Cut
		return
	}
	f.away = nil
	switch {
	case e.Agent != nil:
		f.agents[e.Agent.ID] = *e.Agent
	case e.Job != nil:
		f.job(*e.Job)
	case e.Removed != nil:
		f.remove(*e.Removed)
	}
}

func (f *fleetState) job(j rest.Job) {
	if !job.Status(j.Status).Final() {
		f.active[j.ID] = j
		return
	}
	_, wasActive := f.active[j.ID]
	delete(f.active, j.ID)
	if i := slices.IndexFunc(f.ended, func(e rest.Job) bool { return e.ID == j.ID }); i >= 0 {
		f.ended[i] = j
		return
	}
	// A job that ended long ago changes, too: the rest of its log arrives.
	if wasActive || j.CompletedAt != nil && !j.CompletedAt.Before(f.began) {
		f.ended = slices.Insert(f.ended, 0, j)
		f.ended = f.ended[:min(len(f.ended), mostEnded)]
	}
}

func (f *fleetState) remove(r rest.Removed) {
	if r.AgentID != nil {
		delete(f.agents, *r.AgentID)
	}
	if r.JobID != nil {
		delete(f.active, *r.JobID)
		f.ended = slices.DeleteFunc(f.ended, func(j rest.Job) bool { return j.ID == *r.JobID })
	}
}

func (f *fleetState) hosts() []rest.Agent {
	return slices.SortedFunc(maps.Values(f.agents), func(a, b rest.Agent) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// jobs are those that have not ended: what runs before what waits.
func (f *fleetState) jobs() []rest.Job {
	waits := func(j rest.Job) int {
		if j.Status == string(job.Pending) {
			return 1
		}
		return 0
	}
	return slices.SortedFunc(maps.Values(f.active), func(a, b rest.Job) int {
		return cmp.Or(cmp.Compare(waits(a), waits(b)), cmp.Compare(a.ID, b.ID))
	})
}

func (f *fleetState) count(status job.Status) (n int) {
	for _, j := range f.active {
		if j.Status == string(status) {
			n++
		}
	}
	return n
}
