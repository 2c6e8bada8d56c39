package fleet

import (
	"cmp"
	"context"
	"slices"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// Archive is one archive of a repository, as the catalogue has it.
type Archive = store.CatalogueArchive

// ArchiveQuery asks for a repository's archives.
type ArchiveQuery struct {
	Repository string // exact path, else name, else id
	Agent      string // id or name; only needed where Repository is ambiguous
	Refresh    bool   // look again first, for a while
	Matching   bool   // only those that the registration's pattern matches
	By         string
}

// ArchiveList is what is known of a repository's archives.
type ArchiveList struct {
	Repository   RepositoryView
	AsOf         time.Time
	LastModified time.Time // of the repository, as borg says; zero: not told
	Archives     []Archive // oldest first, as borg lists them
	Vanished     []Archive // have gone, and no job of ours removed them
	Refresh      *Refresh  // nil: not asked for
}

// Archives answers from the catalogue, so also while the repository is locked
// or its host is away.
func (s *Service) Archives(ctx context.Context, q ArchiveQuery) (ArchiveList, error) {
	repo, err := s.findRepository(ctx, q.Repository, q.Agent)
	if err != nil {
		return ArchiveList{}, err
	}
	if repo.Status != store.RepositoryReady {
		return ArchiveList{}, notReady(repo)
	}
	out := ArchiveList{Repository: s.repositoryView(repo)}
	var list job.Job
	if q.Refresh {
		if out.Refresh, err = s.refresh(ctx, repo, q.By); err != nil {
			return ArchiveList{}, err
		}
		list = out.Refresh.List.Job
	}
	own := s.pattern(repo)
	head, _, err := s.store.ReadCatalogue(repo.ID, func(a Archive) bool {
		if !q.Matching || own.Match(a.Name) {
			out.Archives = append(out.Archives, a)
		}
		return true
	})
	if err != nil {
		return ArchiveList{}, err
	}
	if head.AsOf.IsZero() {
		return ArchiveList{}, s.catalogueUnknown(ctx, repo, list)
	}
	out.AsOf, out.LastModified = head.AsOf, head.LastModified
	if out.Vanished, err = s.vanished(repo.ID); err != nil {
		return ArchiveList{}, err
	}
	if q.Matching {
		out.Vanished = slices.DeleteFunc(out.Vanished, func(a Archive) bool { return !own.Match(a.Name) })
	}
	slices.SortFunc(out.Archives, func(a, b Archive) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

// catalogueUnknown: an empty list would say that there are no archives.
func (s *Service) catalogueUnknown(ctx context.Context, repo store.Repository, list job.Job) error {
	const code = "catalogue_unknown"
	if list.ID == 0 {
		for _, j := range unfinished(s.store.Active(repo.Agent), repo.ID) {
			if listsArchives(j.Spec) {
				list = j
			}
		}
	}
	switch waits := s.waitingFor(scopeOf(ctx), list); {
	case list.ID == 0:
		return fault.New(fault.Conflict, code,
			"the archives of %q have not been listed yet; ask again with refresh=true to have that done now", repo.Name)
	case list.Verdict != nil && !list.Status.Good():
		return fault.New(fault.Conflict, code,
			"the archives of %q are not known: listing them failed: %s (job %d); mend that and ask again with refresh=true", repo.Name, list.Verdict.ErrorMessage, list.ID)
	case waits != "":
		return fault.New(fault.Conflict, code,
			"the archives of %q are not known yet: job %d is to list them, and waits (%s); ask again later", repo.Name, list.ID, waits)
	default:
		return fault.New(fault.Conflict, code, "the archives of %q are not known yet: job %d lists them; ask again in a moment", repo.Name, list.ID)
	}
}

// catalogueFresh is how long a catalogue is believed when it says that there is
// no such archive. What an older one lacks, borg is asked about.
const catalogueFresh = 24 * time.Hour

// findArchive looks an archive up by its name. It is not an error that the
// catalogue does not know it, unless it must.
func (s *Service) findArchive(repo store.Repository, name string) (Archive, bool, error) {
	var found Archive
	head, _, err := s.store.ReadCatalogue(repo.ID, func(a Archive) bool {
		if a.Name == name {
			found = a
		}
		return found.ID == ""
	})
	switch {
	case err != nil || found.ID != "":
		return found, err == nil, err
	case s.now().Sub(head.AsOf) > catalogueFresh:
		return found, false, nil
	}
	return found, false, fault.New(fault.NotFound, "archive_not_found",
		"repository %q has no archive %q as of %s; archives/list?refresh=true looks again", repo.Name, name, head.AsOf.Format(time.RFC3339))
}
