package fleet

import (
	"slices"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// A host makes the jobs of its schedules itself. One that a schedule of people
// explains is as good as an order: it could not have been made at another time, or
// twice. All others are the host's word.

// explainedFor is how much longer than it is made up for a run may be under way.
const explainedFor = 24 * time.Hour

// explained says whether a job that an agent has made was due, and gives it with
// what may follow it.
func (s *Service) explained(tx *store.Tx, agent string, key job.Key, spec job.Spec) (job.Spec, bool) {
	if parent, ok, err := s.ownJob(tx, agent, spec.Parent); err == nil && ok {
		step := !parent.Announced && slices.Contains(parent.Spec.After.Steps(), spec.Kind) && key == job.StepKey(parent.Key, spec.Kind)
		return spec, step && spec.Repository.ID == parent.Spec.Repository.ID && spec.Repository.Path == parent.Spec.Repository.Path
	}
	repo, known := tx.Repository(spec.Repository.ID)
	of, there := tx.Schedule(spec.ScheduleID)
	switch {
	case !known || !there || spec.Kind != job.Backup || spec.Repository.Path != repo.Path, !slices.Contains(of.Repositories, repo.ID):
		return spec, false
	case spec.Attempt < 0 || spec.Attempt > of.Retries || key != of.JobKey(repo.ID, spec.FireTime, spec.Attempt):
		return spec, false
	}
	a, _ := tx.Agent(agent)
	times, known := timesOf(of, repo.ID, a)
	age := s.now().Sub(spec.FireTime)
	if !known || age < -clockSkew || age > of.CatchUp+explainedFor || !times.Names(spec.FireTime) {
		return spec, false
	}
	spec.After = mayFollow(spec.After, of, repo)
	return spec, true
}

// mayFollow is what an agent says is to follow its backup, as its schedule has it:
// where another one prunes, a thief would say what is kept.
func mayFollow(said job.After, of store.Schedule, repo store.Repository) job.After {
	out := job.After{Compact: said.Compact && of.After.Compact}
	if said.Prune != nil && of.After.Prune != nil {
		out.Prune = of.After.Prune
		if out.Prune.Keep == (job.Keep{}) {
			out.Prune = &job.PruneSpec{Keep: repo.Retention}
		}
	}
	if said.Check != nil {
		out.Check = of.After.Check
	}
	return out
}

// errUnexplained: a maintainer does nothing because a host says that it has backed up.
var errUnexplained = fault.New(fault.Conflict, "backup_unexplained",
	"its host made the backup before this by itself, and no schedule says that one was due: nothing follows it on the maintainer. Run the schedule, or ask for this step by itself")
