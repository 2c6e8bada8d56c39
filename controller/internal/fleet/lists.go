package fleet

import (
	"context"
	"slices"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// Refresh is what came of looking again.
type Refresh struct {
	List JobView
	Done bool // its list is in the catalogue
}

// refresh has a repository listed and waits until the catalogue knows, for
// Settings.ListWait at most. A list that waits already is as good as a new one;
// one that has begun may have looked too early.
func (s *Service) refresh(ctx context.Context, repo store.Repository, by string) (*Refresh, error) {
	var list job.Job
	err := s.store.Update(ctx, func(tx *store.Tx) (err error) {
		for _, j := range tx.Active(repo.Agent) {
			if j.Spec.Repository.ID == repo.ID && listsArchives(j.Spec) && !j.CancelRequested && j.Register.Phase < job.PhaseStarted {
				list = j
				return nil
			}
		}
		list, err = s.order(tx, repo.ID, job.List, by, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	list, ended, err := s.await(ctx, list.ID, s.set.ListWait, s.listTaken)
	if err != nil {
		return nil, err
	}
	v, err := s.view(scopeOf(ctx), list)
	return &Refresh{List: v, Done: ended && list.Status.Good()}, err
}

// listTaken: the job has ended, and what it listed is in the catalogue.
func (s *Service) listTaken(j job.Job) bool {
	waits := func(l store.NewList) bool { return l.Job == j.ID }
	return j.Verdict != nil && !slices.ContainsFunc(s.store.NewLists(), waits)
}
