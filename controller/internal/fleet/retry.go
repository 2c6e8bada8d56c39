package fleet

import (
	"context"
	"fmt"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// RetryRepository has the host set a repository up once more that it could not,
// or would not, when it came back to a registration that had waited for it. It
// waits as CreateRepository does; the registration stays, whatever comes of it.
func (s *Service) RetryRepository(ctx context.Context, id int64, by string) (RepositoryView, error) {
	var first job.Job
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		repo, ok := tx.Repository(id)
		switch {
		case !ok:
			return noSuchRepository(id)
		case repo.Status == store.RepositoryReady:
			return fault.New(fault.Conflict, "repository_ready", "repository %q is set up: there is nothing to try again", repo.Name)
		case repo.Status != store.RepositoryFailed:
			return notReady(repo)
		}
		kind := job.Init
		if repo.Imported {
			kind = job.List
		}
		var err error
		if first, err = s.order(tx, id, kind, by, nil); err != nil {
			return err
		}
		repo.Status, repo.ErrorCode, repo.ErrorMessage, repo.InitJob = store.RepositoryPending, "", "", first.ID
		tx.About(repositoryName(id), fmt.Sprintf("%s at %s, job %d", repo.Name, repo.Path, first.ID))
		return s.putRepository(tx, repo)
	})
	if err != nil {
		return RepositoryView{}, err
	}
	j, _, err := s.await(ctx, first.ID, s.set.InitWait, s.listTaken)
	if err != nil {
		return RepositoryView{}, err
	}
	if j.Verdict != nil && !j.Status.Good() {
		return RepositoryView{}, notSetUp("the repository could not be set up", j)
	}
	return s.Repository(ctx, id)
}
