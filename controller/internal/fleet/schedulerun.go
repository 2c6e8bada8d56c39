package fleet

import (
	"context"
	"fmt"
	"strings"
	"time"

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

// RunSchedule backs all repositories of a schedule up now, with what follows. One
// that is not set up keeps no other one back.
func (s *Service) RunSchedule(ctx context.Context, id int64, by string) (RunNowResult, error) {
	var out RunNowResult
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		out = RunNowResult{}
		of, ok := tx.Schedule(id)
		if !ok {
			return noSuchSchedule(id)
		}
		for _, repository := range of.Repositories {
			j, err := s.runOne(tx, of, repository, by)
			switch {
			case err == nil:
				out.Jobs = append(out.Jobs, j)
			case fault.Of(err).Kind == fault.Conflict:
				out.Skipped = append(out.Skipped, fault.Of(err).Message)
			default:
				return err
			}
		}
		if len(out.Jobs) == 0 {
			return fault.New(fault.Conflict, "nothing_to_run", "none of the schedule's repositories can be backed up: %s", strings.Join(append(out.Skipped, "it has no others"), "; "))
		}
		tx.About(scheduleName(id), fmt.Sprintf("%s, %d jobs", clip(of.Name), len(out.Jobs)))
		return nil
	})
	return out, err
}

func (s *Service) runOne(tx *store.Tx, of store.Schedule, repository int64, by string) (job.Job, error) {
	repo, ok := tx.Repository(repository)
	if !ok {
		return job.Job{}, fault.New(fault.Conflict, "repository_gone", "repository %d is not registered any more", repository)
	}
	if repo.Status != store.RepositoryReady {
		return job.Job{}, notReady(repo)
	}
	return s.order(tx, repository, job.Backup, by, func(spec *job.Spec) {
		spec.ScheduleID = of.ID
		spec.After = s.afterFor(of, repo)
	})
}

// afterFor decides what follows a backup, as its host does for those that it fires.
func (s *Service) afterFor(of store.Schedule, repo store.Repository) job.After {
	a := of.After
	if a.Prune != nil && a.Prune.Keep == (job.Keep{}) {
		a.Prune = &job.PruneSpec{Keep: repo.Retention}
	}
	if a.Check == nil || of.CheckEvery == 0 {
		return a
	}
	through, err := s.maintainedThrough(repo)
	if err != nil {
		return a
	}
	last, _, err := s.store.Query(history.Filter{
		Repositories: []int64{through.ID}, Kinds: []job.Kind{job.Check}, Statuses: []job.Status{job.Completed, job.CompletedWithWarnings},
		Since: s.now().Add(-of.CheckEvery + checkSlack),
	}, "", 1)
	if err == nil && len(last) > 0 {
		a.Check = nil
	}
	return a
}

// checkSlack: where clocks are set, a week is an hour shorter.
const checkSlack = 2 * time.Hour
