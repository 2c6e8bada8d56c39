package timetable

import (
	"cmp"
	"slices"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

type runKey struct{ schedule, repository int64 }

// run is a backup that a schedule stands behind.
type run struct {
	dir     *jobdir.Dir
	spec    job.Spec
	verdict *job.Verdict // nil: it has not ended, or its end cannot be read
}

// runs are the newest that are on the host.
type runs map[runKey][]run

// mostRuns bounds what is looked at, of those up to now and of those that were made
// when the clock was ahead: of those that have not ended no more are made.
const mostRuns = 8

func runsOf(dirs []*jobdir.Dir, now time.Time) runs {
	all := runs{}
	for _, d := range dirs {
		spec := d.Spec()
		if spec.ScheduleID == 0 || spec.Kind != job.Backup {
			continue
		}
		k := runKey{spec.ScheduleID, spec.Repository.ID}
		all[k] = append(all[k], run{dir: d, spec: spec})
	}
	for k, some := range all {
		slices.SortFunc(some, func(a, b run) int { return b.spec.CreatedAt.Compare(a.spec.CreatedAt) })
		ahead := 0
		for ahead < len(some) && some[ahead].spec.CreatedAt.After(now) {
			ahead++
		}
		all[k] = slices.Concat(some[:min(ahead, mostRuns)], some[ahead:min(len(some), ahead+mostRuns)])
		for i := range all[k] {
			all[k][i].verdict, _ = all[k][i].dir.Verdict()
		}
	}
	return all
}

// newest is the last one that the schedule itself has made, for a time that has come.
func (all runs) newest(schedule, repository int64, now time.Time) (run, bool) {
	own := slices.DeleteFunc(slices.Clone(all[runKey{schedule, repository}]), func(r run) bool {
		return r.spec.FireTime.IsZero() || r.spec.FireTime.After(now)
	})
	if len(own) == 0 {
		return run{}, false
	}
	return slices.MaxFunc(own, func(a, b run) int {
		return cmp.Or(a.spec.FireTime.Compare(b.spec.FireTime), cmp.Compare(a.spec.Attempt, b.spec.Attempt))
	}), true
}

// fired are the times for which the schedule itself has made them, oldest first.
func (all runs) fired(schedule, repository int64) (times []time.Time) {
	for _, r := range slices.Backward(all[runKey{schedule, repository}]) {
		if !r.spec.FireTime.IsZero() {
			times = append(times, r.spec.FireTime)
		}
	}
	return times
}

// open: it runs, or may still start.
func (r run) open(now time.Time) bool {
	return r.verdict == nil && (r.started() || now.Before(r.spec.StartDeadline))
}

func (r run) started() bool {
	reg, err := r.dir.Register()
	return err != nil || reg.Phase >= job.PhaseStarted
}
