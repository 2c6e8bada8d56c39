package fleet

import (
	"context"
	"fmt"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// sweep is what the clock brings about: jobs whose start deadline passed
// before they were sent, jobs of agents that have been silent for too long,
// revisions that nobody confirmed, and hosts that a silent holder kept waiting.
func (s *Service) sweep(ctx context.Context) {
	now := s.now()
	s.mu.Lock()
	for _, se := range s.sessions {
		se.overdue(now, s.set.ConfirmSnapshot)
	}
	s.mu.Unlock()

	var due []job.Job
	hosts := map[string]bool{}
	for _, j := range s.store.ActiveJobs() {
		if s.overdueEvent(j) != nil {
			due = append(due, j)
		} else if !j.Sent && j.Status == job.Pending && s.online(j.Agent) {
			hosts[j.Agent] = true
		}
	}
	if len(due) == 0 && len(hosts) == 0 {
		return
	}
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		for _, j := range due {
			if err := s.settleOverdue(tx, j.ID); err != nil {
				return err
			}
		}
		for agent := range hosts {
			if err := s.dispatch(tx, agent); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		s.log.Error("sweep overdue jobs", "err", err) // the next tick tries again
	}
}

// overdueEvent is what the clock says to a job; nil: nothing yet.
func (s *Service) overdueEvent(j job.Job) job.Event {
	now := s.now()
	switch {
	case !j.Wanted() && !now.Before(j.Spec.StartDeadline):
		return job.Expired{At: now}
	case j.Wanted() && s.silentFor(j.Agent) > s.set.LostAfter:
		return job.GivenUp{At: now, Reason: fmt.Sprintf("its agent has not been heard of for %s; if the job still runs there, its result will replace this", s.set.LostAfter)}
	}
	return nil
}

// settleOverdue looks again on the committer: what happened since the sweep
// looked decides.
func (s *Service) settleOverdue(tx *store.Tx, id int64) error {
	j, ok, err := tx.Job(id)
	if err != nil || !ok || j.Verdict != nil {
		return err
	}
	ev := s.overdueEvent(j)
	if ev == nil {
		return nil
	}
	if j, _, err = s.change(tx, j, ev); err != nil {
		return fmt.Errorf("job %d: %w", id, err)
	}
	return s.dispatchAfter(tx, j)
}
