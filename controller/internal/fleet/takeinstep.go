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

func (t *takeIn) addSome(some []job.Archive) catalogueChange {
	return func(tx *store.Tx, head store.Catalogue, own catalogue.Glob) (store.Catalogue, error) {
		for _, a := range some {
			old, there, err := tx.CatalogueArchive(head.Repository, a.ID)
			if err != nil {
				return head, err
			}
			now := old // keeps the figures and the job
			now.ID, now.Name, now.RawName, now.Start = a.ID, a.Name, a.RawName, a.Start
			if !old.VanishedAt.IsZero() && t.at.mayRemove(t.j.Agent) {
				now.VanishedAt = time.Time{} // somebody brought it back
			}
			if now.RemovedBy, err = t.stillRemovedBy(tx, old); err != nil {
				return head, err
			}
			if !there || now != old {
				head = recounted(head, old, now, own)
				if err := tx.PutCatalogueArchive(head.Repository, now); err != nil {
					return head, err
				}
			}
			if err := t.backElsewhere(tx, head.Repository, a.ID); err != nil {
				return head, err
			}
		}
		return head, nil
	}
}

// recounted is the head with now in the place of old, whose id may be empty.
func recounted(head store.Catalogue, old, now store.CatalogueArchive, own catalogue.Glob) store.Catalogue {
	switch {
	case old.ID == "":
	case old.VanishedAt.IsZero():
		head = counted(head, old.Name, own, -1)
	default:
		head.Vanished--
	}
	if now.VanishedAt.IsZero() {
		return counted(head, now.Name, own, 1)
	}
	head.Vanished++
	return head
}

// stillRemovedBy: a list that began after a prune had ended, and has the archive,
// shows that the prune did not remove it.
func (t *takeIn) stillRemovedBy(tx *store.Tx, a store.CatalogueArchive) (int64, error) {
	if a.RemovedBy == 0 {
		return 0, nil
	}
	j, ok, err := tx.Job(a.RemovedBy)
	if err != nil || ok && (j.Verdict == nil || j.Verdict.EndedAt.After(t.begun)) {
		return a.RemovedBy, err
	}
	return 0, nil
}

// backElsewhere tells the other registrations of the repository that an archive
// is there, if this host's word counts for them.
func (t *takeIn) backElsewhere(tx *store.Tx, listed int64, id string) error {
	if !t.at.mayRemove(t.j.Agent) {
		return nil
	}
	for _, other := range t.at {
		head, _ := tx.Catalogue(other.ID)
		if other.ID == listed || head.Vanished == 0 {
			continue
		}
		a, there, err := tx.CatalogueArchive(other.ID, id)
		if err != nil {
			return err
		}
		if !there || a.VanishedAt.IsZero() {
			continue
		}
		old := a
		a.VanishedAt = time.Time{}
		if err := tx.PutCatalogueArchive(other.ID, a); err != nil {
			return err
		}
		if err := t.s.putCatalogue(tx, recounted(head, old, a, t.s.matcher(tx, other))); err != nil {
			return err
		}
	}
	return nil
}

// removeSome leaves what a job made after the list had begun. What no prune of
// ours has removed has vanished.
func (t *takeIn) removeSome(ids []string) catalogueChange {
	return func(tx *store.Tx, head store.Catalogue, own catalogue.Glob) (store.Catalogue, error) {
		for _, id := range ids {
			a, there, err := tx.CatalogueArchive(head.Repository, id)
			if err != nil {
				return head, err
			}
			switch {
			case !there || a.SeenAt.After(t.begun) || !a.VanishedAt.IsZero():
			case a.RemovedBy != 0:
				head = counted(head, a.Name, own, -1)
				err = tx.DeleteCatalogueArchive(head.Repository, id)
			default:
				head, err = t.s.vanish(tx, head, a, own)
			}
			if err != nil {
				return head, err
			}
		}
		return head, nil
	}
}
