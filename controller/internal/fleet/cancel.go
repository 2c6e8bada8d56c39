package fleet

import (
	"context"
	"errors"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// Cancel asks for the end of a job and waits for it, within
// Settings.CancelWait. A job that was never sent ends at once; of every other
// only its agent knows what came of it.
func (s *Service) Cancel(ctx context.Context, id int64, by string) (CancelResult, error) {
	id, err := s.cancellable(id)
	if err != nil {
		return CancelResult{}, err
	}
	changed, stop := s.watch.on(id)
	defer stop()
	j, err := s.wishCancel(ctx, id, by)
	if err != nil {
		return CancelResult{}, err
	}
	limit := time.NewTimer(s.set.CancelWait)
	defer limit.Stop()
	for j.Verdict == nil {
		select {
		case <-changed:
		case <-limit.C:
			return CancelResult{}, nil
		case <-s.ending:
			return CancelResult{}, nil // no agent will come to tell
		case <-ctx.Done():
			return CancelResult{}, ctx.Err()
		}
		if j, err = s.load(id); err != nil {
			return CancelResult{}, err
		}
	}
	if j.Status != job.Cancelled {
		return CancelResult{}, alreadyEnded(j)
	}
	return CancelResult{Ended: true, ProcessTerminated: j.Verdict.ProcessTerminated}, nil
}

// cancellable is the job that a wish to cancel is meant for: of a backup that has
// ended, the step that follows it.
func (s *Service) cancellable(id int64) (int64, error) {
	j, err := s.load(id)
	if err != nil || j.Verdict == nil {
		return id, err
	}
	if step, runs := openStep(j); runs {
		return step, nil
	}
	return id, nil
}

// alreadyEnded also answers a wish that came too late: borg had finished first.
func alreadyEnded(j job.Job) error {
	return fault.New(fault.BadState, "job_ended", "job %d has already ended: %s", j.ID, j.Status)
}

func (s *Service) wishCancel(ctx context.Context, id int64, by string) (job.Job, error) {
	var out job.Job
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		j, ok, err := tx.Job(id)
		if err != nil {
			return err
		}
		if !ok {
			return noSuchJob(id)
		}
		if err := refuseOutside(ctx, j); err != nil {
			return err
		}
		next, fx, err := s.change(tx, j, job.CancelWished{By: by, At: s.now().UTC()})
		if errors.Is(err, job.ErrEnded) {
			return alreadyEnded(j)
		}
		if err != nil {
			return err
		}
		out = next
		if fx.Ended {
			return s.dispatchAfter(tx, next)
		}
		return nil
	})
	return out, err
}

func noSuchJob(id int64) error {
	return fault.New(fault.NotFound, "job_not_found", "there is no job %d: no job has had that id, or the history does not keep it any more", id)
}
