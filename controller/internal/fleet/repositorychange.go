package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"borgfleet/controller/internal/catalogue"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// UpdateRepository changes a registration, for later jobs: those that are made
// carry the definition they were made with. A new passphrase is tried first.
func (s *Service) UpdateRepository(ctx context.Context, u RepositoryUpdate) (RepositoryView, error) {
	maintainer, err := s.newMaintainer(u)
	if err != nil {
		return RepositoryView{}, err
	}
	changed := func(repo store.Repository) store.Repository {
		repo.Repository = u.Change(repo.Repository)
		if u.Maintainer != nil {
			repo.Maintainer = maintainer
		}
		return repo
	}
	pattern := func(repo store.Repository) catalogue.Glob { return s.pattern(changed(repo)) }
	if u.Passphrase != "" || u.PassphraseSealed != nil {
		if err := s.tryPassphrase(ctx, u); err != nil {
			return RepositoryView{}, err
		}
	}
	err = s.counting(ctx, u.ID, pattern, func(tx *store.Tx, repo store.Repository, now count) error {
		if repo.Status != store.RepositoryReady {
			return notReady(repo)
		}
		next := changed(repo)
		tx.About(repositoryName(repo.ID), aboutChange(repo.Repository, next.Repository))
		if err := checkSize(next.Repository); err != nil {
			return err
		}
		if err := refuseName(tx, next); err != nil {
			return err
		}
		if err := refuseBare(tx, repo, next); err != nil {
			return err
		}
		if head, ok := tx.Catalogue(repo.ID); ok {
			head.Archives, head.Unmatched = now.archives, now.unmatched
			if err := s.putCatalogue(tx, head); err != nil {
				return err
			}
		}
		return s.putRepository(tx, next)
	})
	if err != nil {
		return RepositoryView{}, err
	}
	return s.Repository(ctx, u.ID)
}

func refuseName(tx *store.Tx, repo store.Repository) error {
	for _, other := range tx.RepositoriesOf(repo.Agent) {
		if other.ID != repo.ID && other.Name == repo.Name {
			return nameTaken(tx, other)
		}
	}
	return nil
}

// refuseBare: a retention that a schedule prunes by stays, or each of its prunes
// would fail at night.
func refuseBare(tx *store.Tx, before, next store.Repository) error {
	if before.Retention == (job.Keep{}) || next.Retention != (job.Keep{}) {
		return nil
	}
	for _, s := range tx.Schedules() {
		if p := s.After.Prune; p != nil && p.Keep == (job.Keep{}) && slices.Contains(s.Repositories, next.ID) {
			return fault.InvalidField("body.retention", "the schedule %q (%d) prunes by it: give that one a prune_keep_… of its own first, or have it not prune", s.Name, s.ID)
		}
	}
	return nil
}

func nameTaken(tx *store.Tx, other store.Repository) error {
	a, _ := tx.Agent(other.Agent)
	return fault.New(fault.Conflict, "repository_name_taken",
		"agent %s already has a repository named %q (id %d); choose another name", a.Name, other.Name, other.ID)
}

// DeleteRepository removes a registration and its catalogue. The borg
// repository is not touched, and the history stays.
func (s *Service) DeleteRepository(ctx context.Context, id int64) error {
	return s.store.Update(ctx, func(tx *store.Tx) error {
		repo, ok := tx.Repository(id)
		if !ok {
			return noSuchRepository(id)
		}
		if jobs := unfinished(tx.Active(repo.Agent), id); len(jobs) > 0 {
			return stillAtWork(repo, jobs)
		}
		tx.About(repositoryName(id), fmt.Sprintf("%s at %s", repo.Name, repo.Path))
		s.log.Info("repository deleted", "repository", id, "agent", repo.Agent, "path", repo.Path)
		return s.dropRepository(tx, id)
	})
}

func stillAtWork(repo store.Repository, jobs []job.Job) error {
	var ids []string
	for _, j := range jobs {
		ids = append(ids, fmt.Sprint(j.ID))
	}
	return fault.New(fault.Conflict, "repository_busy",
		"repository %q has unfinished jobs: %s; cancel them, or wait for their end", repo.Name, strings.Join(ids, ", "))
}

// unfinished are those of an agent's jobs that belong to a repository.
func unfinished(active []job.Job, repository int64) []job.Job {
	var out []job.Job
	for _, j := range active {
		if j.Spec.Repository.ID == repository {
			out = append(out, j)
		}
	}
	return out
}

// RunningJobs are a repository's jobs of every kind that have not ended.
func (s *Service) RunningJobs(ctx context.Context, id int64) ([]JobView, error) {
	repo, ok := s.store.Repository(id)
	if !ok || !scopeOf(ctx).Covers(repo.ID, repo.Agent) {
		return nil, noSuchRepository(id)
	}
	var out []JobView
	for _, j := range unfinished(s.store.Active(repo.Agent), id) {
		v, err := s.view(scopeOf(ctx), j)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
