package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"borgfleet/controller/internal/catalogue"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// An archive has vanished when it was there, is not there now, and no prune of
// ours removed it. A person's delete looks the same as a thief's, so a person has
// to say that it was meant: until then nobody compacts, since in a repository
// that its server lets hosts only append to, a compact is what makes a delete
// final.

// vanish keeps an archive in the catalogue as one that has vanished.
func (s *Service) vanish(tx *store.Tx, head store.Catalogue, a store.CatalogueArchive, own catalogue.Glob) (store.Catalogue, error) {
	a.VanishedAt, a.RemovedBy = s.now().UTC(), 0
	head = counted(head, a.Name, own, -1)
	head.Vanished++
	tx.OnCommit(func() {
		s.log.Warn("archive vanished: no job of ours removed it", "repository", head.Repository, "archive", clip(a.Name), "id", a.ID)
	})
	return head, tx.PutCatalogueArchive(head.Repository, a)
}

func (s *Service) ownOf(tx *store.Tx, repository int64) catalogue.Glob {
	repo, _ := tx.Repository(repository)
	return s.matcher(tx, repo)
}

// vanished lists those of one registration, the oldest first.
func (s *Service) vanished(repository int64) ([]Archive, error) {
	var out []Archive
	err := s.store.ReadVanished(repository, func(a Archive) bool {
		out = append(out, a)
		return true
	})
	slices.SortFunc(out, func(a, b Archive) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Name, b.Name))
	})
	return out, err
}

// vanishedAt lists those of all registrations of a repository, each once.
func (s *Service) vanishedAt(at place) ([]Archive, error) {
	var out []Archive
	seen := map[string]bool{}
	for _, r := range at {
		some, err := s.vanished(r.ID)
		if err != nil {
			return nil, err
		}
		for _, a := range some {
			if !seen[a.ID] {
				seen[a.ID] = true
				out = append(out, a)
			}
		}
	}
	return out, nil
}

// refuseVanished: a compact would make it final.
func (s *Service) refuseVanished(repo store.Repository) error {
	gone, err := s.vanishedAt(placeOf(s.store.Repositories(), repo))
	if err != nil || len(gone) == 0 {
		return err
	}
	return fault.New(fault.Conflict, job.CodeArchivesVanished,
		"%s gone from %q, and no job of ours removed them: %s. A compact would make that final. Find out who did it, and bring them back; if it was meant, an administrator says so with borgfleet-controller repositories acknowledge-vanished %d",
		archivesAre(len(gone)), repo.Name, namesOf(gone), repo.ID)
}

func archivesAre(n int) string {
	if n == 1 {
		return "1 archive is"
	}
	return fmt.Sprintf("%d archives are", n)
}

// mostNamed bounds a message; archives/list has them all.
const mostNamed = 20

func namesOf(all []Archive) string {
	var names []string
	for _, a := range all[:min(len(all), mostNamed)] {
		names = append(names, clip(a.Name))
	}
	text := strings.Join(names, ", ")
	if n := len(all) - mostNamed; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// Acknowledged is what came of an acknowledgement.
type Acknowledged struct {
	Archives  []Archive
	Remaining int // vanished archives that were not acknowledged
}

// AcknowledgeVanished takes vanished archives out of the catalogue: a person says
// that it was meant. Empty refs means all of them; a ref is a name or an id.
func (s *Service) AcknowledgeVanished(ctx context.Context, id int64, refs []string, by string) (Acknowledged, error) {
	repo, ok := s.store.Repository(id)
	if !ok {
		return Acknowledged{}, noSuchRepository(id)
	}
	at := placeOf(s.store.Repositories(), repo)
	all, err := s.vanishedAt(at)
	if err != nil {
		return Acknowledged{}, err
	}
	meant, err := selectVanished(repo, all, refs)
	if err != nil {
		return Acknowledged{}, err
	}
	for some := range slices.Chunk(meant, takeInStep) {
		for _, r := range at {
			if err := s.store.Update(ctx, func(tx *store.Tx) error { return s.forget(tx, r.ID, some) }); err != nil {
				return Acknowledged{}, err
			}
		}
	}
	s.log.Warn("vanished archives acknowledged", "repository", repo.ID, "archives", len(meant), "names", namesOf(meant), "by", by)
	return Acknowledged{Archives: meant, Remaining: len(all) - len(meant)}, nil
}

func selectVanished(repo store.Repository, all []Archive, refs []string) ([]Archive, error) {
	if len(refs) == 0 {
		return all, nil
	}
	var meant []Archive
	for _, ref := range refs {
		n := len(meant)
		for _, a := range all {
			if (a.Name == ref || a.ID == ref) && !slices.ContainsFunc(meant, func(b Archive) bool { return b.ID == a.ID }) {
				meant = append(meant, a)
			}
		}
		if len(meant) == n {
			return nil, fault.New(fault.NotFound, "archive_not_vanished", "no archive %q has vanished from %q; archives/list shows which have", clip(ref), repo.Name)
		}
	}
	return meant, nil
}

// forget removes archives that have vanished; one that came back stays.
func (s *Service) forget(tx *store.Tx, repository int64, some []Archive) error {
	head, ok := tx.Catalogue(repository)
	if !ok {
		return nil
	}
	for _, a := range some {
		now, there, err := tx.CatalogueArchive(repository, a.ID)
		if err != nil {
			return err
		}
		if !there || now.VanishedAt.IsZero() {
			continue
		}
		head.Vanished--
		if err := tx.DeleteCatalogueArchive(repository, a.ID); err != nil {
			return err
		}
	}
	return s.putCatalogue(tx, head)
}
