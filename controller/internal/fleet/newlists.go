package fleet

import (
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// reader is the store, in an update or outside of one.
type reader interface {
	Repository(id int64) (store.Repository, bool)
	Catalogue(repository int64) (store.Catalogue, bool)
	Job(id int64) (job.Job, bool, error)
}

// listWanted says whether a list that ended well can still change a catalogue:
// the repository is there and the agent's own, and no list that began as late
// was taken in. What is not wanted is not waited for either: its log may never
// come, and as long as a list waits, no backup makes the catalogue newer.
func listWanted(in reader, list job.Job) (bool, error) {
	repo, ok := in.Repository(list.Spec.Repository.ID)
	if !ok || repo.Agent != list.Agent {
		return false, nil
	}
	head, _ := in.Catalogue(repo.ID)
	base, err := listedAt(in, head)
	return err == nil && list.Verdict.StartedAt.After(base), err
}

// listedAt is when the last list that was taken in began: what it lacked was
// not there then. AsOf may be later by what is known of the jobs since. It is
// never later than AsOf, which was never ahead of our clock: a host whose clock
// once was far ahead can be listed again.
func listedAt(in reader, head store.Catalogue) (time.Time, error) {
	if head.Job == 0 {
		return time.Time{}, nil
	}
	j, ok, err := in.Job(head.Job)
	if err != nil || !ok || j.Verdict == nil {
		return time.Time{}, err
	}
	begun := j.Verdict.StartedAt
	if begun.After(head.AsOf) {
		return head.AsOf, nil
	}
	return begun, nil
}

// listAgain makes up for lists that an agent came back without: what they found
// is in no log any more, so it has to be found once more. Until that list is
// taken in they go on waiting, so that no backup passes the catalogue for newer
// than what was lost.
func (s *Service) listAgain(tx *store.Tx, agent string, held map[job.Key]bool) error {
	for _, l := range tx.NewLists() {
		j, ok, err := tx.Job(l.Job)
		if err != nil {
			return err
		}
		if !ok || j.Agent != agent || held[j.Key] || j.LogComplete() {
			continue
		}
		if !listsArchives(j.Spec) {
			// What it told of archives is lost: a list will show what is missing,
			// and a person has to say that it was meant.
			if err := s.listDone(tx, l.Job); err != nil {
				return err
			}
			continue
		}
		if listInHand(tx, l.Repository, agent) {
			continue
		}
		wanted, err := listWanted(tx, j)
		if err != nil {
			return err
		}
		if !wanted {
			continue
		}
		if _, err := s.order(tx, l.Repository, job.List, j.Spec.RequestedBy, func(spec *job.Spec) { spec.TriggeredBy = j.Spec.TriggeredBy }); err != nil {
			return err
		}
	}
	return nil
}

// listInHand says whether a list of a repository's archives is to run or runs.
func listInHand(tx *store.Tx, repository int64, agent string) bool {
	for _, j := range unfinished(tx.Active(agent), repository) {
		if listsArchives(j.Spec) && !j.CancelRequested {
			return true
		}
	}
	return false
}
