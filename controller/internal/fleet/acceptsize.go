package fleet

import (
	"context"
	"fmt"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/store"
)

// AcceptSize says that the newest good backup of a repository is as big as it should
// be, though it shrank: what is gone was meant to go. From then on sizes are
// compared with that one. job is the backup that somebody looked at; 0: the newest.
func (s *Service) AcceptSize(ctx context.Context, id, job int64, by string) (history.Last, error) {
	var last history.Last
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		repo, ok := tx.Repository(id)
		if !ok {
			return noSuchRepository(id)
		}
		last = s.store.LastJobs(id)
		switch {
		case !last.Shrunk():
			return fault.New(fault.Conflict, "not_shrunk", "the newest good backup of %q is not less than half of the one before: there is nothing to accept", repo.Name)
		case job != 0 && job != last.Good.ID:
			return fault.New(fault.Conflict, "newer_backup", "job %d is not the newest good backup of %q, which is job %d: look at that one first", job, repo.Name, last.Good.ID)
		}
		repo.SizesAcceptedFrom = last.Good.CreatedAt
		tx.About(repositoryName(id), fmt.Sprintf("%s: %d bytes of job %d are normal after %d bytes of job %d", repo.Name, last.Good.Original, last.Good.ID, last.Normal.Original, last.Normal.ID))
		return tx.PutRepository(repo)
	})
	if err != nil {
		return history.Last{}, err
	}
	s.log.Info("size accepted", "repository", id, "job", last.Good.ID, "size", last.Good.Original, "before", last.Normal.Original, "by", by)
	return last, nil
}
