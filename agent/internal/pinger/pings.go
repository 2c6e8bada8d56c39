package pinger

import (
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// pings are those of one job, with what is known of it.
type pings struct {
	dir     *jobdir.Dir
	fire    time.Time
	attempt int

	// Of look alone.
	begun   bool
	end     *job.Verdict // nil: there is none yet
	endedAt time.Time    // not ahead of the clock when it was found, and steps of the clock since then do not count
	ahead   bool         // the verdict says so
	found   uint64       // the look that has found the end

	// Guarded by Pinger.mu.
	done    jobdir.Pinged
	calling bool
	tries   int
	next    time.Time
}

func newPings(dir *jobdir.Dir, done jobdir.Pinged) *pings {
	spec := dir.Spec()
	return &pings{dir: dir, fire: spec.FireTime, attempt: spec.Attempt, done: done}
}

// read learns what is new of the job. A verdict is read once: there is never a second
// one, and many jobs are kept while the controller is away.
func (st *pings) read(now time.Time, look uint64) error {
	if st.end != nil {
		return nil
	}
	v, err := st.dir.Verdict()
	if err != nil {
		return err
	}
	if v != nil {
		ago := now.Sub(v.EndedAt)
		st.end, st.found, st.ahead, st.endedAt = v, look, ago < 0, now.Add(-max(0, ago))
		return nil
	}
	if !st.begun {
		started, err := st.dir.Started()
		st.begun = err == nil && started != nil
	}
	return nil
}
