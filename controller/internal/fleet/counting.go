package fleet

import (
	"context"
	"errors"
	"reflect"

	"borgfleet/controller/internal/catalogue"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
)

// count is how many archives a catalogue has.
type count struct{ archives, unmatched int64 }

// errMoved: what was counted is not what is there now.
var errMoved = errors.New("the catalogue has changed meanwhile")

// counting counts a repository's archives by a pattern that is made from its
// registration, and carries fn out in an update that finds both as they were
// counted. Thousands of archives are not read while all the fleet waits.
func (s *Service) counting(ctx context.Context, id int64, pattern func(store.Repository) catalogue.Glob, fn func(*store.Tx, store.Repository, count) error) error {
	for {
		repo, ok := s.store.Repository(id)
		if !ok {
			return noSuchRepository(id)
		}
		own := pattern(repo)
		var now count
		head, _, err := s.store.ReadCatalogue(id, func(a store.CatalogueArchive) bool {
			now.archives++
			if !own.Match(a.Name) {
				now.unmatched++
			}
			return true
		})
		if err != nil {
			return err
		}
		err = s.store.Update(ctx, func(tx *store.Tx) error {
			current, _ := tx.Repository(id)
			if h, _ := tx.Catalogue(id); h != head || !reflect.DeepEqual(current, repo) {
				return errMoved
			}
			return fn(tx, repo, now)
		})
		if !errors.Is(err, errMoved) {
			return err
		}
	}
}

func noSuchRepository(id int64) error {
	return fault.New(fault.NotFound, "repository_not_found", "there is no repository %d", id)
}

// clearLeftovers removes the archives of repositories that were deleted, a
// bounded number in each update.
func (s *Service) clearLeftovers(ctx context.Context) {
	if !s.clear.Swap(false) {
		return
	}
	left, err := s.store.Leftovers()
	for _, id := range left {
		for more := true; more && err == nil; {
			err = s.store.Update(ctx, func(tx *store.Tx) (err error) {
				more, err = tx.ClearLeftovers(id, takeInStep)
				return err
			})
		}
	}
	if err != nil && ctx.Err() == nil {
		s.clear.Store(true)
		s.log.Error("clear what deleted repositories left", "err", err)
	}
}
