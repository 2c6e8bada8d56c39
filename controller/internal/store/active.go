package store

import "borgfleet/shared/job"

// activeJobs are the jobs that have not ended. They are few beside the history,
// and everything that decides about them asks here, never the disk.
type activeJobs struct {
	byID       map[int64]*job.Job
	byAgent    map[string]ordered
	byLocation map[string]ordered
}

func newActiveJobs() *activeJobs {
	return &activeJobs{
		byID:       map[int64]*job.Job{},
		byAgent:    map[string]ordered{},
		byLocation: map[string]ordered{},
	}
}

// set makes j what is known of the job: it is dropped if it has ended.
func (a *activeJobs) set(j *job.Job) {
	if old, ok := a.byID[j.ID]; ok {
		a.drop(old)
	}
	if j.Status.Final() {
		return
	}
	a.byID[j.ID] = j
	a.byAgent[j.Agent] = a.byAgent[j.Agent].put(j)
	for _, l := range Locations(*j) {
		a.byLocation[l] = a.byLocation[l].put(j)
	}
}

func (a *activeJobs) drop(j *job.Job) {
	delete(a.byID, j.ID)
	dropFrom(a.byAgent, j.Agent, j)
	for _, l := range Locations(*j) {
		dropFrom(a.byLocation, l, j)
	}
}

func dropFrom(m map[string]ordered, k string, j *job.Job) {
	rest := m[k].remove(j)
	if len(rest) == 0 {
		delete(m, k)
		return
	}
	m[k] = rest
}

func (a *activeJobs) at(locations []string) []job.Job {
	if len(locations) == 1 {
		return a.byLocation[locations[0]].values()
	}
	var all ordered
	for _, l := range locations {
		for _, j := range a.byLocation[l] {
			all = all.put(j)
		}
	}
	return all.values()
}

func (a *activeJobs) all() []job.Job {
	var all ordered
	for _, j := range a.byID {
		all = append(all, j)
	}
	jobs := all.values()
	sortJobs(jobs)
	return jobs
}

// setJob changes what is known of a job, and can take it back.
func setJob(j *job.Job) change {
	return func(st *state) func(*state) {
		old, had := st.active.byID[j.ID]
		st.active.set(j)
		return func(st *state) {
			if now, ok := st.active.byID[j.ID]; ok {
				st.active.drop(now)
			}
			if had {
				st.active.set(old)
			}
		}
	}
}
