package fleet

import (
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// mostExpected bounds an order: it names every archive that there must be.
const mostExpected = 20_000

// refuseCompact says why a repository cannot be compacted now: its archives must
// be known, and none of them may have gone.
func (s *Service) refuseCompact(repo store.Repository) error {
	head, _ := s.store.Catalogue(repo.ID)
	switch {
	case head.AsOf.IsZero():
		return fault.New(fault.Conflict, "catalogue_unknown",
			"the archives of %q are not known yet, and a compact makes final whatever is gone: list them with archives/list?refresh=true, then compact", repo.Name)
	case head.Archives > mostExpected:
		return fault.New(fault.Conflict, "too_many_archives",
			"%q has %d archives, and a host can be told of %d that must be there: prune it, or compact it by hand (borgfleet-agent borg %s -- compact)", repo.Name, head.Archives, mostExpected, repo.Name)
	}
	return s.refuseVanished(repo)
}

// untold says why a compact has to wait for the catalogue: something has gone, or
// what prunes removed and lists found is still to be taken in. A host that is
// away, or does not tell, is not waited for.
func untold(in books, j job.Job, awaited func(told job.Job, by string) bool) wait {
	repo, ok := in.Repository(j.Spec.Repository.ID)
	if !ok {
		return wait{}
	}
	at := placeOf(in.Repositories(), repo)
	for _, r := range at {
		if head, _ := in.Catalogue(r.ID); head.Vanished > 0 {
			return wait{why: waitVanished}
		}
	}
	for _, l := range in.NewLists() {
		told, ok, err := in.Job(l.Job)
		if err == nil && ok && at.has(l.Repository) && awaited(told, j.Agent) {
			return waitsFor(waitListed, told)
		}
	}
	for _, other := range in.AtLocation(store.Locations(j)...) {
		if listsArchives(other.Spec) && other.Agent == j.Agent && !other.CancelRequested {
			return waitsFor(waitListed, other)
		}
	}
	return wait{}
}

// expectedFor are the archives that there must be, as they are known when the
// order is sent: its host holds the place, so nothing of ours changes them. An
// order without them is refused by its host.
func (s *Service) expectedFor(j job.Job) *fleetv1.ExpectedArchives {
	repo, ok := s.store.Repository(j.Spec.Repository.ID)
	if !ok {
		return nil
	}
	var all []job.Archive
	seen := map[string]bool{}
	for _, r := range placeOf(s.store.Repositories(), repo) {
		_, _, err := s.store.ReadCatalogue(r.ID, func(a Archive) bool {
			if a.RemovedBy == 0 && !seen[a.ID] {
				seen[a.ID] = true
				all = append(all, job.Archive{Name: a.Name, ID: a.ID, Start: a.Start})
			}
			return len(all) <= mostExpected
		})
		if err != nil || len(all) > mostExpected {
			s.log.Error("which archives must be there cannot be told", "job", j.ID, "archives", len(all), "err", err)
			return nil
		}
	}
	return &fleetv1.ExpectedArchives{Archives: wire.FromArchives(all)}
}
