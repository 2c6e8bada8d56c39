package fleet

import (
	"context"
	"fmt"
	"strings"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// RunNowResult is what came of running a schedule at once.
type RunNowResult struct {
	Jobs    []job.Job
	Skipped []string // what is not started, and why
}

// mostSkipped are named in an answer; of the others it tells how many there are.
const mostSkipped = 20

// RunSchedule backs all repositories of a schedule up now, with what follows. One
// that is not set up keeps no other one back. What is started stays if the rest
// cannot be, and the rest is told.
func (s *Service) RunSchedule(ctx context.Context, id int64, by string) (RunNowResult, error) {
	of, ok := s.store.Schedule(id)
	if !ok {
		return RunNowResult{}, noSuchSchedule(id)
	}
	run := runNow{of: of, by: by, rest: of.Repositories, checked: s.checkedLately(of)}
	for len(run.rest) > 0 {
		err := s.store.Update(ctx, func(tx *store.Tx) error { return s.runStep(tx, &run) })
		if err != nil && len(run.out.Jobs) == 0 {
			return RunNowResult{}, err
		}
		if err != nil {
			s.log.Error("run schedule", "schedule", id, "started", len(run.out.Jobs), "left", len(run.rest), "err", err)
			return run.told(err), nil
		}
		run.rest, run.out.Jobs, run.out.Skipped = run.next, append(run.out.Jobs, run.step.Jobs...), append(run.out.Skipped, run.step.Skipped...)
	}
	out := run.told(nil)
	if len(out.Jobs) == 0 {
		return out, fault.New(fault.Conflict, "nothing_to_run", "none of the schedule's repositories can be backed up: %s", strings.Join(append(out.Skipped, "it has no others"), "; "))
	}
	return out, nil
}

// runNow is a run of a schedule's repositories, some in each update: all the fleet
// waits for the committer, and one update does not hold all of a big fleet.
type runNow struct {
	of      store.Schedule
	by      string
	checked map[int64]bool // need no check
	rest    []int64
	out     RunNowResult

	step RunNowResult // of the last update
	next []int64      // the rest after it
}

// told is what came of it. After err the rest is not started.
func (r *runNow) told(err error) RunNowResult {
	out := r.out
	if n := len(out.Skipped); n > mostSkipped {
		out.Skipped = append(out.Skipped[:mostSkipped], fmt.Sprintf("and %d others", n-mostSkipped))
	}
	if err != nil {
		out.Skipped = append(out.Skipped, fmt.Sprintf("the last %d of its repositories: %s", len(r.rest), fault.Of(err).Message))
	}
	return out
}

// runStep starts some of the rest. Which of a host's jobs may start is looked at
// once for all of them.
func (s *Service) runStep(tx *store.Tx, run *runNow) error {
	run.step, run.next = RunNowResult{}, run.rest
	if _, ok := tx.Schedule(run.of.ID); !ok {
		return noSuchSchedule(run.of.ID)
	}
	hosts := map[string]bool{}
	for n := 0; len(run.next) > 0 && n < stepJobs && !tx.Full(); n++ {
		j, err := s.runOne(tx, run, run.next[0])
		switch kind := fault.Of(err).Kind; {
		case err == nil:
			run.step.Jobs = append(run.step.Jobs, j)
			hosts[j.Agent] = true
		case kind == fault.Conflict || kind == fault.TooLarge:
			run.step.Skipped = append(run.step.Skipped, fault.Of(err).Message)
		default:
			return err
		}
		run.next = run.next[1:]
	}
	for host := range hosts {
		if err := s.dispatch(tx, host); err != nil {
			return err
		}
	}
	about := fmt.Sprintf("%s, %d jobs", clip(run.of.Name), len(run.step.Jobs))
	if len(run.next) > 0 {
		about = fmt.Sprintf("%s, up to %d jobs", clip(run.of.Name), len(run.of.Repositories))
	}
	tx.About(scheduleName(run.of.ID), about)
	return nil
}

func (s *Service) runOne(tx *store.Tx, run *runNow, repository int64) (job.Job, error) {
	repo, ok := tx.Repository(repository)
	if !ok {
		return job.Job{}, fault.New(fault.Conflict, "repository_gone", "repository %d is not registered any more", repository)
	}
	if repo.Status != store.RepositoryReady {
		return job.Job{}, notReady(repo)
	}
	key, err := job.NewKey()
	if err != nil {
		return job.Job{}, err
	}
	spec := s.newSpec(job.Backup, repo, run.by)
	spec.ScheduleID, spec.After = run.of.ID, run.after(repo)
	return s.put(tx, key, repo.Agent, spec)
}

// after decides what follows a backup, as its host does for those that it fires.
func (r *runNow) after(repo store.Repository) job.After {
	a := r.of.After.WithRetention(repo.Retention)
	if r.checked[repo.ID] {
		a.Check = nil
	}
	return a
}

// checkedLately are the repositories of a schedule whose next check is not due yet.
func (s *Service) checkedLately(of store.Schedule) map[int64]bool {
	if of.After.Check == nil || of.CheckEvery == 0 {
		return nil
	}
	checks := s.store.RepositoriesWith(history.Filter{
		Kinds: []job.Kind{job.Check}, Statuses: []job.Status{job.Completed, job.CompletedWithWarnings},
		Since: of.CheckedSince(s.now()),
	})
	checked := map[int64]bool{}
	if len(checks) == 0 {
		return checked
	}
	for _, id := range of.Repositories {
		repo, ok := s.store.Repository(id)
		if !ok {
			continue
		}
		if through, err := s.maintainedThrough(repo); err == nil && checks[through.ID] {
			checked[id] = true
		}
	}
	return checked
}
