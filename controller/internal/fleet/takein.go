package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/wire"
)

const (
	// takeInStep bounds one update of the store: all the fleet waits for it.
	takeInStep = 500
	// mostArchives is more than borg 1.x itself could handle in a repository.
	mostArchives = 1 << 20
)

// errUnfit: the list cannot be the truth, so it changes nothing.
var errUnfit = errors.New("the list cannot be used")

// errOverdone: the repository has gone, or a newer list was taken in.
var errOverdone = errors.New("the list is not wanted any more")

// keepCatalogue takes lists in until ctx ends. It begins with what an earlier
// run of the controller left over.
func (s *Service) keepCatalogue(ctx context.Context) {
	s.clear.Store(true)
	for {
		s.takeInLists(ctx)
		s.clearLeftovers(ctx)
		select {
		case <-ctx.Done():
			return
		case <-s.listsWake:
		}
	}
}

// takeInLists takes in every list whose log is complete, and what prunes and
// compacts tell. One that fails for
// the disk's sake is tried again at the next wake-up. The newest is the first:
// those before it are not wanted then.
func (s *Service) takeInLists(ctx context.Context) {
	for _, take := range []func(context.Context, store.NewList, job.Job) error{s.takeRemovals, s.takeIn} {
		for _, l := range slices.Backward(s.store.NewLists()) {
			if ctx.Err() != nil {
				return
			}
			j, ok, err := s.store.Job(l.Job)
			if err == nil && !ok {
				err = s.store.Update(ctx, func(tx *store.Tx) error { return s.listDone(tx, l.Job) })
			} else if err == nil {
				err = take(ctx, l, j)
			}
			if err != nil && ctx.Err() == nil {
				s.log.Error("take in list", "job", l.Job, "repository", l.Repository, "err", err)
			}
		}
	}
}

// takeRemovals comes before all lists: what is missing in one may be what a prune
// has removed.
func (s *Service) takeRemovals(ctx context.Context, l store.NewList, j job.Job) error {
	if listsArchives(j.Spec) || !j.LogComplete() {
		return nil
	}
	if err := s.takeRemoved(ctx, j); err != nil {
		return err
	}
	return s.store.Update(ctx, func(tx *store.Tx) error { return s.listDone(tx, l.Job) })
}

func (s *Service) takeIn(ctx context.Context, l store.NewList, j job.Job) error {
	if !listsArchives(j.Spec) {
		return nil
	}
	wanted, err := listWanted(s.store, j)
	if err != nil || wanted && !j.LogComplete() {
		return err
	}
	if wanted {
		repo, _ := s.store.Repository(l.Repository)
		at := placeOf(s.store.Repositories(), repo)
		if untold, err := s.pruneUntold(at, j.Agent); err != nil || untold {
			return err // with the next sweep
		}
		t := &takeIn{s: s, j: j, begun: j.Verdict.StartedAt, seen: map[string]struct{}{}, at: at}
		err = t.run(ctx)
	}
	outcome := ListUnwanted
	switch {
	case errors.Is(err, errUnfit):
		outcome = ListUnfit
		s.log.Warn("list left out of the catalogue", "job", l.Job, "repository", l.Repository, "err", err)
	case errors.Is(err, errOverdone):
	case err != nil:
		return err
	case wanted:
		s.meter.List(ListTaken) // that it is done was said with its last step
		return nil
	}
	return s.store.Update(ctx, func(tx *store.Tx) error {
		tx.OnCommit(func() { s.meter.List(outcome) })
		return s.listDone(tx, l.Job)
	})
}

// listDone says that a list waits no more, to the store and to who waits for it.
func (s *Service) listDone(tx *store.Tx, id int64) error {
	tx.OnCommit(func() { s.watch.wake(id) })
	return tx.DeleteNewList(id)
}

// takeIn is one list on its way into the catalogue: first what is new, then
// what is gone, a bounded number in each update; at last the head with as_of.
// A crash in between leaves an older as_of, and the list is taken in again.
type takeIn struct {
	s     *Service
	j     job.Job
	begun time.Time
	seen  map[string]struct{} // the ids that the list has
	at    place
}

func (t *takeIn) run(ctx context.Context) error {
	if err := t.check(); err != nil {
		return err
	}
	if err := t.addAll(ctx); err != nil {
		return err
	}
	if err := t.removeAll(ctx); err != nil {
		return err
	}
	return t.finish(ctx)
}

// check reads the whole list once before anything is written: a hole in it
// would look like archives that are gone.
func (t *takeIn) check() error {
	for r, err := range t.s.store.LogFrom(t.j.ID, 1) {
		if err != nil {
			return err
		}
		if r.Gap != nil {
			return fmt.Errorf("%w: %s", errUnfit, lineText(r))
		}
		if len(r.Data) == 0 {
			continue
		}
		a, err := wire.DecodeArchive(r.Data)
		if err != nil || !store.IsArchiveID(a.ID) {
			return fmt.Errorf("%w: line %d is no archive", errUnfit, r.Number)
		}
		if t.seen[a.ID] = struct{}{}; len(t.seen) > mostArchives {
			return fmt.Errorf("%w: it has more than %d archives", errUnfit, mostArchives)
		}
	}
	return nil
}

func (t *takeIn) addAll(ctx context.Context) error {
	var some []job.Archive
	for r, err := range t.s.store.LogFrom(t.j.ID, 1) {
		if err != nil {
			return err
		}
		if len(r.Data) == 0 {
			continue
		}
		a, err := wire.DecodeArchive(r.Data)
		if err != nil {
			return err
		}
		if some = append(some, a); len(some) < takeInStep {
			continue
		}
		if err := t.step(ctx, t.addSome(some)); err != nil {
			return err
		}
		some = some[:0]
	}
	return t.step(ctx, t.addSome(some))
}

func (t *takeIn) removeAll(ctx context.Context) error {
	var gone []string
	_, _, err := t.s.store.ReadCatalogue(t.j.Spec.Repository.ID, func(a store.CatalogueArchive) bool {
		if _, ok := t.seen[a.ID]; !ok {
			gone = append(gone, a.ID)
		}
		return true
	})
	if err != nil {
		return err
	}
	for len(gone) > 0 {
		n := min(len(gone), takeInStep)
		if err := t.step(ctx, t.removeSome(gone[:n])); err != nil {
			return err
		}
		gone = gone[n:]
	}
	return nil
}

// finish makes the catalogue one of the list's moment. The counts are made
// anew: the pattern may be another one since they were made.
func (t *takeIn) finish(ctx context.Context) error {
	err := t.s.counting(ctx, t.j.Spec.Repository.ID, t.s.pattern, func(tx *store.Tx, _ store.Repository, now count) error {
		return t.within(tx, func(head store.Catalogue, _ store.Repository) (store.Catalogue, error) {
			head.Archives, head.Unmatched = now.archives, now.unmatched
			if as := t.s.notAhead(t.begun); as.After(head.AsOf) {
				head.AsOf = as
			}
			if v := t.j.Verdict; v.LastModified.After(head.LastModified) {
				head.LastModified = v.LastModified
			}
			head.Job = t.j.ID
			return head, t.s.listDone(tx, t.j.ID)
		})
	})
	if err != nil && fault.Of(err).Kind == fault.NotFound {
		return errOverdone
	}
	return err
}
