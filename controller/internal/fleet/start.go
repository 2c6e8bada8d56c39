package fleet

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/wire"
)

// Start makes a backup job. A busy repository, a busy host or an absent agent
// is no error: the job waits and says why.
func (s *Service) Start(ctx context.Context, r StartRequest) (job.Job, error) {
	repo, refused := s.findRepository(ctx, r.Repository, r.Agent)
	if refused == nil && repo.Status != store.RepositoryReady {
		refused = notReady(repo)
	}
	return s.startOnce(ctx, once{r.By, r.IdempotencyKey, r.Repository + "\x00" + r.Agent}, refused, func(tx *store.Tx) (job.Job, error) {
		return s.order(tx, repo.ID, job.Backup, r.By, nil)
	})
}

// order makes a job for a repository as it is registered in this update. add
// says what the job's kind needs beside it.
func (s *Service) order(tx *store.Tx, repository int64, kind job.Kind, by string, add func(*job.Spec)) (job.Job, error) {
	repo, ok := tx.Repository(repository)
	if !ok {
		return job.Job{}, noSuchRepository(repository)
	}
	key, err := job.NewKey()
	if err != nil {
		return job.Job{}, err
	}
	spec := s.newSpec(kind, repo, by)
	if add != nil {
		add(&spec)
	}
	return s.create(tx, key, repo.Agent, spec)
}

// create puts a new job into the store and looks at once whether it may start:
// then the grant is in the same commit, and no second fsync is waited for.
func (s *Service) create(tx *store.Tx, key job.Key, agent string, spec job.Spec) (job.Job, error) {
	j, err := s.put(tx, key, agent, spec)
	if err != nil {
		return j, err
	}
	return j, s.dispatch(tx, agent)
}

// put puts a new job into the store. Whether it may start is for the caller to look.
func (s *Service) put(tx *store.Tx, key job.Key, agent string, spec job.Spec) (job.Job, error) {
	if err := refuseGone(tx, agent); err != nil {
		return job.Job{}, err
	}
	if n := proto.Size(wire.FromSpec(spec)); n > job.MaxSpec {
		return job.Job{}, fault.New(fault.TooLarge, "job_too_large", "the job takes %d kB to say what it is to do, and may take %d kB: name fewer paths, or the folders above them", n>>10, job.MaxSpec>>10)
	}
	j := job.New(tx.NewJobID(), key, agent, spec)
	if err := tx.PutJob(j); err != nil {
		return j, err
	}
	if err := s.tellBackup(tx, j); err != nil {
		return j, err
	}
	tx.About(jobName(j.ID), aboutJob(tx, j))
	s.noticeCounts(tx, agent)
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

func notReady(r store.Repository) error {
	if r.Status == store.RepositoryFailed {
		return fault.New(fault.Conflict, "repository_failed",
			"repository %q could not be set up on its host: %s. When that is mended: borgfleet-controller repositories retry %d", r.Name, r.ErrorMessage, r.ID)
	}
	return fault.New(fault.Conflict, "repository_pending",
		"repository %q is not set up yet: job %d has to run first, and waits for its agent", r.Name, r.InitJob)
}

// findRepository looks a repository up as exact path, then name, then id.
func (s *Service) findRepository(ctx context.Context, ref, agent string) (store.Repository, error) {
	scope, of := scopeOf(ctx), ""
	if agent != "" {
		a, err := s.findAgentIn(ctx, agent)
		if err != nil {
			return store.Repository{}, err
		}
		of = a.ID
	}
	for _, match := range repositoryMatchers(ref) {
		hits := s.store.RepositoriesWhere(func(r *store.Repository) bool {
			return (of == "" || r.Agent == of) && match(r) && scope.Covers(r.ID, r.Agent)
		})
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

func repositoryMatchers(ref string) []func(*store.Repository) bool {
	matchers := []func(*store.Repository) bool{
		func(r *store.Repository) bool { return r.Path == ref },
		func(r *store.Repository) bool { return r.Name == ref },
	}
	if id, err := strconv.ParseInt(ref, 10, 64); err == nil {
		matchers = append(matchers, func(r *store.Repository) bool { return r.ID == id })
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
