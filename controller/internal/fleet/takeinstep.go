package fleet

import (
	"context"
	"time"

	"borgfleet/controller/internal/catalogue"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// catalogueChange is a part of what a list brings: it gives the head that goes
// with it.
type catalogueChange func(tx *store.Tx, head store.Catalogue, own catalogue.Glob) (store.Catalogue, error)

func (t *takeIn) step(ctx context.Context, change catalogueChange) error {
	return t.s.store.Update(ctx, func(tx *store.Tx) error {
		return t.within(tx, func(head store.Catalogue, repo store.Repository) (store.Catalogue, error) {
			return change(tx, head, t.s.matcher(tx, repo))
		})
	})
}

// within changes the head, unless the list is not wanted any more: what
// happened since the last step decides.
func (t *takeIn) within(tx *store.Tx, change func(store.Catalogue, store.Repository) (store.Catalogue, error)) error {
	if wanted, err := listWanted(tx, t.j); err != nil {
		return err
	} else if !wanted {
		return errOverdone
	}
	repo, _ := tx.Repository(t.j.Spec.Repository.ID)
	head, _ := tx.Catalogue(repo.ID)
	head.Repository = repo.ID
	head, err := change(head, repo)
	if err != nil {
		return err
	}
	return t.s.putCatalogue(tx, head)
}

func addSome(some []job.Archive) catalogueChange {
	return func(tx *store.Tx, head store.Catalogue, own catalogue.Glob) (store.Catalogue, error) {
		for _, a := range some {
			old, there, err := tx.CatalogueArchive(head.Repository, a.ID)
			if err != nil {
				return head, err
			}
			now := old // keeps the figures and the job
			now.ID, now.Name, now.RawName, now.Start = a.ID, a.Name, a.RawName, a.Start
			if there && now == old {
				continue
			}
			if there {
				head = counted(head, old.Name, own, -1)
			}
			head = counted(head, a.Name, own, 1)
			if err := tx.PutCatalogueArchive(head.Repository, now); err != nil {
				return head, err
			}
		}
		return head, nil
	}
}

// removeSome leaves what a job made after the list had begun.
func removeSome(ids []string, begun time.Time) catalogueChange {
	return func(tx *store.Tx, head store.Catalogue, own catalogue.Glob) (store.Catalogue, error) {
		for _, id := range ids {
			a, there, err := tx.CatalogueArchive(head.Repository, id)
			if err != nil {
				return head, err
			}
			if !there || a.SeenAt.After(begun) {
				continue
			}
			head = counted(head, a.Name, own, -1)
			if err := tx.DeleteCatalogueArchive(head.Repository, id); err != nil {
				return head, err
			}
		}
		return head, nil
	}
}
