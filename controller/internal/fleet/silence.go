package fleet

import (
	"context"
	"fmt"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// sweep is what the clock brings about: jobs whose start deadline passed
// before they were sent, jobs of agents that have been silent for too long,
// revisions that nobody confirmed, certificates that have expired, hosts that a
// silent holder kept waiting, and lists that could not be taken in.
func (s *Service) sweep(ctx context.Context) {
	now := s.now()
	s.mu.Lock()
	for _, se := range s.sessions {
		se.overdue(now, s.set.ConfirmSnapshot)
	}
	s.mu.Unlock()
	s.expelUnwelcome()

	hosts := map[string]bool{} // whose waiting jobs are to be looked at
	for _, j := range s.store.ActiveJobs() {
		if s.overdueEvent(j) != nil {
			s.settle(ctx, j.ID, hosts)
		} else if !j.Sent && j.Status == job.Pending && s.online(j.Agent) {
			hosts[j.Agent] = true
		}
	}
	if len(s.store.NewLists()) > 0 {
		signal(s.listsWake) // one may have failed for the disk's sake
	}
	for agent := range hosts {
		s.update(ctx, "dispatch", agent, func(tx *store.Tx) error { return s.dispatch(tx, agent) })
	}
}

// settle ends one overdue job, in an update of its own: one job that cannot be
// changed must not keep the others. It adds to hosts who may start now.
func (s *Service) settle(ctx context.Context, id int64, hosts map[string]bool) {
	var free []string
	s.update(ctx, "settle overdue job", id, func(tx *store.Tx) (err error) {
		free, err = s.settleOverdue(tx, id)
		return err
	})
	for _, agent := range free {
		hosts[agent] = true
	}
}

// update is store.Update for what the clock brings about: an error is logged,
// and the next tick tries again.
func (s *Service) update(ctx context.Context, what string, of any, fn func(*store.Tx) error) {
	if err := s.store.Update(ctx, fn); err != nil && ctx.Err() == nil {
		s.log.Error(what, "of", of, "err", err)
	}
}

// overdueEvent is what the clock says to a job; nil: nothing yet.
func (s *Service) overdueEvent(j job.Job) job.Event {
	now := s.now()
	switch {
	case !j.Wanted() && !now.Before(j.Spec.StartDeadline) && s.waitedInBackup(j):
		return s.overdueSinceBackup(j)
	case !j.Wanted() && !now.Before(j.Spec.StartDeadline):
		return job.Expired{At: now}
	case j.Wanted() && s.silentFor(j.Agent) > s.set.LostAfter:
		return job.GivenUp{At: now, Reason: fmt.Sprintf("its agent has not been heard of for %s; if the job still runs there, its result will replace this", s.set.LostAfter)}
	}
	return nil
}

// settleOverdue looks again on the committer: what happened since the sweep
// looked decides. It gives the agents that may have been kept waiting.
func (s *Service) settleOverdue(tx *store.Tx, id int64) ([]string, error) {
	j, ok, err := tx.Job(id)
	if err != nil || !ok || j.Verdict != nil {
		return nil, err
	}
	ev := s.overdueEvent(j)
	if ev == nil {
		return nil, nil
	}
	free := affected(tx, j)
	_, _, err = s.change(tx, j, ev)
	return free, err
}
