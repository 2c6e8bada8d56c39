package fleet

import (
	"context"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/wire"
)

// tellsOfArchives: a job whose log says what has become of archives: what a
// prune removed, and what a compact missed.
func tellsOfArchives(j job.Job) bool {
	v := j.Verdict
	if v == nil || v.StartedAt.IsZero() && v.ErrorCode != job.CodeArchivesVanished {
		return false
	}
	switch j.Spec.Kind {
	case job.Prune:
		return j.Spec.Prune != nil && !j.Spec.Prune.DryRun
	case job.Compact:
		return v.ErrorCode == job.CodeArchivesVanished
	}
	return false
}

// noteArchives remembers, in the commit of its verdict, that a job's log is to be
// read for what it tells of archives.
func (s *Service) noteArchives(tx *store.Tx, j job.Job) error {
	if repo, ok := tx.Repository(j.Spec.Repository.ID); !ok || repo.Agent != j.Agent {
		return nil
	}
	return tx.PutNewList(store.NewList{Job: j.ID, Repository: j.Spec.Repository.ID})
}

// takeRemoved reads what a job tells of archives into the catalogues of all
// registrations of its repository.
func (s *Service) takeRemoved(ctx context.Context, j job.Job) error {
	repo, ok := s.store.Repository(j.Spec.Repository.ID)
	if !ok {
		return nil
	}
	marks := s.marksOf(repo, j)
	if len(marks) == 0 {
		s.log.Warn("a prune is not believed: the repository has another maintainer", "job", j.ID, "agent", j.Agent, "repository", repo.Path)
	}
	var some []string
	flush := func() error {
		for id, mark := range marks {
			if err := s.store.Update(ctx, func(tx *store.Tx) error { return s.markEach(tx, id, some, j, mark) }); err != nil {
				return err
			}
		}
		some = some[:0]
		return nil
	}
	for r, err := range s.store.LogFrom(j.ID, 1) {
		if err != nil {
			return err
		}
		a, err := wire.DecodeArchive(r.Data)
		if len(r.Data) == 0 || err != nil || !store.IsArchiveID(a.ID) {
			continue
		}
		if some = append(some, a.ID); len(some) == takeInStep {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// marksOf says what a job's words mean to each registration of its repository.
// That archives are missing counts at the place alone: it holds others back. That
// an agent has pruned its own spares others an alarm, so it counts wherever borg's
// id is the same, unless a maintainer is named there.
func (s *Service) marksOf(repo store.Repository, j job.Job) map[int64]marking {
	marks := map[int64]marking{}
	all := s.store.Repositories()
	for _, r := range all {
		if r.ID != repo.ID && !sameRepository(repo, r) {
			continue
		}
		switch at := placeOf(all, r); {
		case j.Spec.Kind != job.Prune:
			if at.has(repo.ID) {
				marks[r.ID] = s.markMissing
			}
		case !at.maintained():
			marks[r.ID] = s.markOwnRemoved
		case at.mayRemove(j.Agent):
			marks[r.ID] = s.markRemoved
		}
	}
	return marks
}

// marking changes one archive of a catalogue. Archives that are not in it have
// gone already, and nobody missed them.
type marking func(tx *store.Tx, head store.Catalogue, a store.CatalogueArchive, j job.Job) (store.Catalogue, error)

func (s *Service) markEach(tx *store.Tx, repository int64, ids []string, j job.Job, mark marking) error {
	head, ok := tx.Catalogue(repository)
	if !ok {
		return nil
	}
	for _, id := range ids {
		a, there, err := tx.CatalogueArchive(repository, id)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		if head, err = mark(tx, head, a, j); err != nil {
			return err
		}
	}
	return s.putCatalogue(tx, head)
}

// markRemoved: what a prune of ours removed has not vanished. Whether it is gone
// the next list shows: a prune that is ended in the middle takes its word back.
func (s *Service) markRemoved(tx *store.Tx, head store.Catalogue, a store.CatalogueArchive, j job.Job) (store.Catalogue, error) {
	if !a.VanishedAt.IsZero() {
		head.Vanished--
		return head, tx.DeleteCatalogueArchive(head.Repository, a.ID)
	}
	a.RemovedBy = j.ID
	return head, tx.PutCatalogueArchive(head.Repository, a)
}

// markOwnRemoved: what an agent says of its own archives counts for all who use the
// repository. Of those of others, which its pattern does not match, it counts for
// nobody else: it may be a thief's word, and which repository it uses is, too.
func (s *Service) markOwnRemoved(tx *store.Tx, head store.Catalogue, a store.CatalogueArchive, j job.Job) (store.Catalogue, error) {
	repo, _ := tx.Repository(head.Repository)
	if repo.Agent != j.Agent && !s.ownOf(tx, j.Spec.Repository.ID).Match(a.Name) {
		return head, nil
	}
	return s.markRemoved(tx, head, a, j)
}

func (s *Service) markMissing(tx *store.Tx, head store.Catalogue, a store.CatalogueArchive, j job.Job) (store.Catalogue, error) {
	if !a.VanishedAt.IsZero() || a.RemovedBy != 0 {
		return head, nil
	}
	return s.vanish(tx, head, a, s.ownOf(tx, head.Repository))
}

// wordsDue is how long what a job tells of archives is waited for after its end:
// who never tells must not hold the others back.
const wordsDue = 2 * time.Hour

// awaited says whether an agent waits for what a job has still to tell of
// archives. Nobody waits for a host that is away; its words count when they come.
// Nor is another agent's list waited for, or a job that one made itself: it could
// make them, and never tell, without end.
func (s *Service) awaited(told job.Job, agent string) bool {
	if told.Agent != agent && (told.Announced || listsArchives(told.Spec)) {
		return false
	}
	if v := told.Verdict; v != nil && s.now().Sub(v.EndedAt).Abs() > wordsDue {
		return false
	}
	return s.silentFor(told.Agent) <= s.set.ContactLost
}

// pruneUntold says whether a prune has ended whose words a list of an agent's has
// to wait for: what is missing may be its doing.
func (s *Service) pruneUntold(at place, agent string) (bool, error) {
	for _, l := range s.store.NewLists() {
		if !at.has(l.Repository) {
			continue
		}
		j, ok, err := s.store.Job(l.Job)
		if err != nil {
			return false, err
		}
		if ok && j.Spec.Kind == job.Prune && s.awaited(j, agent) {
			return true, nil
		}
	}
	return false, nil
}
