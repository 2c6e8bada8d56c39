package fleet

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

const idempotencyLife = 24 * time.Hour

// Start makes a backup job. A busy repository, a busy host or an absent agent
// is no error: the job waits and says why.
func (s *Service) Start(ctx context.Context, r StartRequest) (job.Job, error) {
	repo, err := s.findRepository(r.Repository, r.Agent)
	if err != nil {
		return job.Job{}, err
	}
	if repo.Status != store.RepositoryReady {
		return job.Job{}, notReady(repo)
	}
	key, err := job.NewKey()
	if err != nil {
		return job.Job{}, err
	}
	var started job.Job
	err = s.store.Update(ctx, func(tx *store.Tx) error {
		if j, found, err := s.startedBefore(tx, r); err != nil || found {
			started = j
			return err
		}
		spec := s.newSpec(job.Backup, repo, r.By)
		j, err := s.create(tx, key, repo.Agent, spec)
		if err != nil {
			return err
		}
		started = j
		return s.rememberStart(tx, r, j.ID)
	})
	return started, err
}

// create puts a new job into the store and looks at once whether it may start:
// then the grant is in the same commit, and no second fsync is waited for.
func (s *Service) create(tx *store.Tx, key job.Key, agent string, spec job.Spec) (job.Job, error) {
	j := job.New(tx.NewJobID(), key, agent, spec)
	if err := tx.PutJob(j); err != nil {
		return j, err
	}
	if err := s.dispatch(tx, agent); err != nil {
		return j, err
	}
	s.log.Info("job", "job", j.ID, "agent", agent, "kind", spec.Kind, "repository", spec.Repository.Path, "status", j.Status)
	return j, nil
}

func (s *Service) newSpec(kind job.Kind, repo store.Repository, by string) job.Spec {
	now := s.now().UTC()
	return job.Spec{
		Kind:          kind,
		Repository:    repo.Repository,
		CreatedAt:     now,
		StartDeadline: now.Add(s.set.StartDeadline),
		TriggeredBy:   job.ByManual,
		RequestedBy:   by,
	}
}

func (s *Service) startedBefore(tx *store.Tx, r StartRequest) (job.Job, bool, error) {
	if r.IdempotencyKey == "" {
		return job.Job{}, false, nil
	}
	rec, ok, err := tx.Idempotency(r.By + "\x00" + r.IdempotencyKey)
	if err != nil || !ok || !s.now().Before(rec.ExpiresAt) {
		return job.Job{}, false, err
	}
	if !slices.Equal(rec.RequestSHA256, digest(r)) {
		return job.Job{}, false, fault.New(fault.Invalid, "idempotency_key_reused",
			"this Idempotency-Key was used for another request in the last 24 hours; use a new one")
	}
	j, ok, err := tx.Job(rec.Job)
	return j, ok, err
}

func (s *Service) rememberStart(tx *store.Tx, r StartRequest, id int64) error {
	if r.IdempotencyKey == "" {
		return nil
	}
	return tx.PutIdempotency(r.By+"\x00"+r.IdempotencyKey, store.IdempotencyRecord{
		Job: id, RequestSHA256: digest(r), ExpiresAt: s.now().Add(idempotencyLife),
	})
}

func digest(r StartRequest) []byte {
	sum := sha256.Sum256([]byte(r.Repository + "\x00" + r.Agent))
	return sum[:]
}

func notReady(r store.Repository) error {
	if r.Status == store.RepositoryFailed {
		return fault.New(fault.Conflict, "repository_failed",
			"repository %q could not be set up on its host: %s", r.Name, r.ErrorMessage)
	}
	return fault.New(fault.Conflict, "repository_pending",
		"repository %q is not set up yet: job %d has to run first, and waits for its agent", r.Name, r.InitJob)
}

// findRepository looks a repository up as exact path, then name, then id.
func (s *Service) findRepository(ref, agent string) (store.Repository, error) {
	all := s.store.Repositories()
	if agent != "" {
		a, err := s.findAgent(agent)
		if err != nil {
			return store.Repository{}, err
		}
		all = slices.DeleteFunc(all, func(r store.Repository) bool { return r.Agent != a.ID })
	}
	for _, match := range repositoryMatchers(ref) {
		var hits []store.Repository
		for _, r := range all {
			if match(r) {
				hits = append(hits, r)
			}
		}
		switch {
		case len(hits) == 1:
			return hits[0], nil
		case len(hits) > 1:
			return store.Repository{}, s.ambiguous(ref, hits)
		}
	}
	where := ""
	if agent != "" {
		where = " on agent " + agent
	}
	return store.Repository{}, fault.New(fault.NotFound, "repository_not_found",
		"no repository %q is registered%s; it is looked up as path, then name, then id", ref, where)
}

func repositoryMatchers(ref string) []func(store.Repository) bool {
	matchers := []func(store.Repository) bool{
		func(r store.Repository) bool { return r.Path == ref },
		func(r store.Repository) bool { return r.Name == ref },
	}
	if id, err := strconv.ParseInt(ref, 10, 64); err == nil {
		matchers = append(matchers, func(r store.Repository) bool { return r.ID == id })
	}
	return matchers
}

func (s *Service) ambiguous(ref string, hits []store.Repository) error {
	var each []string
	for _, r := range hits {
		each = append(each, fmt.Sprintf("id %d on agent %s", r.ID, s.agentName(r.Agent)))
	}
	return fault.New(fault.Conflict, "repository_ambiguous",
		"%q names %d repositories: %s; add \"agent\" to the request, or use the id", ref, len(hits), strings.Join(each, ", "))
}
