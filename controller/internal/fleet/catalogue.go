package fleet

import (
	"time"

	"borgfleet/controller/internal/catalogue"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// noteBackup puts the archive of a good backup into its repository's catalogue,
// in the commit of the verdict. Late and twice are safe: a list that began
// after the backup's end knows better whether the archive is there.
func (s *Service) noteBackup(tx *store.Tx, j job.Job) error {
	repo, ok := tx.Repository(j.Spec.Repository.ID)
	v := j.Verdict
	if !ok || repo.Agent != j.Agent || !store.IsArchiveID(v.ArchiveID) {
		return nil
	}
	ended := s.notAhead(v.EndedAt)
	head, _ := tx.Catalogue(repo.ID)
	head.Repository = repo.ID
	old, there, err := tx.CatalogueArchive(repo.ID, v.ArchiveID)
	if err != nil {
		return err
	}
	if !there {
		base, err := listedAt(tx, head)
		if err != nil {
			return err
		}
		if !base.Before(ended) {
			return nil // removed since
		}
		head = counted(head, v.ArchiveName, s.matcher(tx, repo), 1)
	}
	if err := tx.PutCatalogueArchive(repo.ID, madeBy(j, old, ended)); err != nil {
		return err
	}
	if v.Undisturbed && !head.AsOf.IsZero() && ended.After(head.AsOf) && !othersInHand(tx, j) {
		head.AsOf = ended
	}
	if v.LastModified.After(head.LastModified) {
		head.LastModified = v.LastModified
	}
	return s.putCatalogue(tx, head)
}

// madeBy is the archive that a job made. What a list told before stays: borg's
// own start of the archive, and its name if that is not UTF-8.
func madeBy(j job.Job, old store.CatalogueArchive, ended time.Time) store.CatalogueArchive {
	v, p := j.Verdict, j.Verdict.Progress
	a := store.CatalogueArchive{
		ID: v.ArchiveID, Name: v.ArchiveName, Start: v.StartedAt, End: v.EndedAt, SeenAt: ended, Job: j.ID,
		OriginalSize: p.OriginalSize, CompressedSize: p.CompressedSize, DedupSize: p.DedupSize, NFiles: p.NFiles,
	}
	if old.ID != "" {
		a.Name, a.RawName, a.Start = old.Name, old.RawName, old.Start
		a.VanishedAt, a.RemovedBy = old.VanishedAt, old.RemovedBy
	}
	if old.SeenAt.After(ended) {
		a.SeenAt = old.SeenAt
	}
	return a
}

// othersInHand says whether another job of the repository may have ended on the
// agent and not told it yet. What it found or made would be missing from a
// catalogue that claims to be newer.
func othersInHand(tx *store.Tx, j job.Job) bool {
	for _, other := range tx.Active(j.Agent) {
		if other.ID != j.ID && other.Spec.Repository.ID == j.Spec.Repository.ID && inHand(other) {
			return true
		}
	}
	for _, l := range tx.NewLists() {
		if l.Repository == j.Spec.Repository.ID {
			return true
		}
	}
	return false
}

// noteNew: a repository that was just made has no archives.
func (s *Service) noteNew(tx *store.Tx, j job.Job) error {
	head := store.Catalogue{
		Repository: j.Spec.Repository.ID, AsOf: s.notAhead(j.Verdict.EndedAt),
		LastModified: j.Verdict.LastModified, Job: j.ID,
	}
	return s.putCatalogue(tx, head)
}

// noteList remembers, in the commit of its verdict, that a list is to be taken
// in when its log is complete.
func (s *Service) noteList(tx *store.Tx, j job.Job) error {
	repo, ok := tx.Repository(j.Spec.Repository.ID)
	if !ok || repo.Agent != j.Agent {
		return nil
	}
	return tx.PutNewList(store.NewList{Job: j.ID, Repository: repo.ID})
}

// listsArchives tells a list of a repository's archives from one of a folder.
func listsArchives(spec job.Spec) bool {
	return spec.Kind == job.List && (spec.List == nil || spec.List.Archive == "")
}

// notAhead keeps a host's clock that is ahead from making the catalogue true in
// the future: nothing would ever be newer.
func (s *Service) notAhead(t time.Time) time.Time {
	if now := s.now().UTC(); t.After(now) {
		return now
	}
	return t
}

// counted is the head with one archive more or, for -1, less.
func counted(head store.Catalogue, name string, own catalogue.Glob, by int64) store.Catalogue {
	head.Archives += by
	if !own.Match(name) {
		head.Unmatched += by
	}
	return head
}

func (s *Service) matcher(tx *store.Tx, repo store.Repository) catalogue.Glob {
	a, _ := tx.Agent(repo.Agent)
	return compiled(repo.Repository, a)
}

// pattern is matcher outside of an update.
func (s *Service) pattern(repo store.Repository) catalogue.Glob {
	a, _ := s.store.Agent(repo.Agent)
	return compiled(repo.Repository, a)
}

// ownPattern is the glob for a registration's archives. A host names them with
// the name that it enrolled with: it does not hear of another one that people
// gave it here.
func ownPattern(def job.Repository, a store.Agent) string {
	return job.ArchivePattern(def, a.EnrolledName)
}

// compiled is ownPattern, ready to match. One that does not compile was refused
// when it came; it would match nothing.
func compiled(def job.Repository, a store.Agent) catalogue.Glob {
	own, err := catalogue.Compile(ownPattern(def, a))
	if err != nil {
		return catalogue.Glob{}
	}
	return own
}

func (s *Service) putCatalogue(tx *store.Tx, head store.Catalogue) error {
	if old, ok := tx.Catalogue(head.Repository); ok && old == head {
		return nil
	}
	return tx.PutCatalogue(head)
}
