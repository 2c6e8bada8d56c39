package fleet

import (
	"context"
	"fmt"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// RestoreRequest asks for a restore.
type RestoreRequest struct {
	Repository     string // exact path, else name, else id
	Agent          string // where to; id or name; empty: the repository's own
	Archive        string
	Paths          []string // as in the archive, any bytes; none: everything
	Destination    string   // absolute
	IdempotencyKey string
	By             string
}

// Restore makes a restore job. Whether it may write there is the host's to say.
func (s *Service) Restore(ctx context.Context, r RestoreRequest) (job.Job, error) {
	repo, refused := s.restorable(ctx, r)
	request := fmt.Sprintf("restore\x00%q", append([]string{r.Repository, r.Agent, r.Archive, r.Destination}, r.Paths...))
	return s.startOnce(ctx, once{r.By, r.IdempotencyKey, request}, refused, func(tx *store.Tx) (job.Job, error) {
		return s.order(tx, repo.ID, job.Restore, r.By, func(spec *job.Spec) {
			spec.Restore = &job.RestoreSpec{Archive: r.Archive, Paths: r.Paths, Destination: r.Destination}
		})
	})
}

// restorable finds the registration to restore through, and says what is in the
// way.
func (s *Service) restorable(ctx context.Context, r RestoreRequest) (store.Repository, error) {
	repo, err := s.restoreThrough(ctx, r.Repository, r.Agent)
	if err != nil {
		return repo, err
	}
	if repo.Status != store.RepositoryReady {
		return repo, notReady(repo)
	}
	_, _, err = s.findArchive(repo, r.Archive)
	return repo, err
}

// restoreThrough finds the registration that a restore goes through. Another
// host can restore an archive only with a registration of its own: its key and
// passphrase come with that.
func (s *Service) restoreThrough(ctx context.Context, ref, agent string) (store.Repository, error) {
	repo, err := s.findRepository(ctx, ref, agent)
	if agent == "" || fault.Of(err).Kind != fault.NotFound {
		return repo, err
	}
	a, err := s.findAgentIn(ctx, agent)
	if err != nil {
		return repo, err
	}
	if repo, err = s.findRepository(ctx, ref, ""); err != nil {
		return repo, err
	}
	for _, other := range s.repositoriesIn(ctx) {
		if other.Agent == a.ID && sameRepository(repo, other) {
			return other, nil
		}
	}
	return repo, fault.New(fault.Conflict, "repository_not_on_agent",
		"agent %s cannot open %s: it has no registration of it; make one with borgfleet-controller repositories import NAME %s --agent %s, then start the restore again",
		a.Name, repo.Path, repo.Path, a.Name)
}
