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
	case spec.Attempt < 0 || spec.Attempt > of.Retries || key != of.For(repo.ID).JobKey(repo.ID, spec.FireTime, spec.Attempt):
		return spec, false
	}
	a, _ := tx.Agent(agent)
	times, known := timesOf(of, repo.ID, a)
	if !known || !s.timely(of, repo.ID, a, spec.FireTime) || !times.Names(spec.FireTime) {
		return spec, false
	}
	spec.After = mayFollow(spec.After, of, repo)
	return spec, true
}

// timely says whether the host may have made a run of that time by itself: since it
// is due, and not before its host could have told of it. One that was out of
// contact for days brings what it made meanwhile.
func (s *Service) timely(of store.Schedule, repository int64, a store.Agent, fire time.Time) bool {
	now := s.now()
	since := of.SinceFor(repository).Add(-clockSkew)
	latest := now.Add(clockSkew)
	if !of.Enabled { // since then: what was due before, by rules that are not known any more, is not explained
		since, latest = of.CreatedAt, of.Since
	}
	oldest := now.Add(-of.CatchUp - explainedFor)
	if !a.AwaySince.IsZero() && a.AwaySince.Before(now) {
		oldest = earliest(oldest, a.AwaySince.Add(-of.CatchUp-explainedFor))
	}
	return !fire.Before(since.Truncate(time.Minute)) && !fire.After(latest) && !fire.Before(oldest)
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// mayFollow is what an agent says is to follow its backup, as its schedule has it:
// where another one prunes, a thief would say what is kept.
func mayFollow(said job.After, of store.Schedule, repo store.Repository) job.After {
	may := of.After.WithRetention(repo.Retention)
	out := job.After{Compact: said.Compact && may.Compact}
	if said.Prune != nil {
		out.Prune = may.Prune
	}
	if said.Check != nil {
		out.Check = may.Check
	}
	return out
}

// errUnexplained: a maintainer does nothing because a host says that it has backed up.
var errUnexplained = fault.New(fault.Conflict, "backup_unexplained",
	"its host made the backup before this by itself, and no schedule, as it is now, says that one was due: nothing follows it on the maintainer. Run the schedule, or ask for this step by itself")
