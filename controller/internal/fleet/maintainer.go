package fleet

import (
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// A repository may name another agent as its maintainer: a host whose key may
// only append leaves prune, compact and check to one that may more, and a thief
// on it cannot have its deletes made final. The maintainer works with a
// registration of its own: its path, key, passphrase and its own owner's leave.

// newMaintainer finds the agent that is to be a repository's maintainer; empty:
// nobody is.
func (s *Service) newMaintainer(u RepositoryUpdate) (string, error) {
	if u.Maintainer == nil || *u.Maintainer == "" {
		return "", nil
	}
	repo, ok := s.store.Repository(u.ID)
	if !ok {
		return "", noSuchRepository(u.ID)
	}
	a, err := s.findAgent(*u.Maintainer)
	if err != nil {
		return "", fault.InvalidField("body.maintainer", "no agent %q is enrolled", *u.Maintainer)
	}
	if a.ID == repo.Agent {
		return "", fault.InvalidField("body.maintainer", "%s uses the repository itself: leave the maintainer empty", a.Name)
	}
	repo.Maintainer = a.ID
	if err := s.refuseDoubtful(repo); err != nil {
		return "", err
	}
	through, err := s.maintainedThrough(repo)
	if err == nil && through.Maintainer != "" {
		err = fault.New(fault.Conflict, "maintainer_is_maintained",
			"the registration %q of the agent %s names a maintainer itself: take that away first", through.Name, a.Name)
	}
	return a.ID, err
}

// maintainedThrough is the registration that prune, compact and check of a
// repository run with: its own, or its maintainer's.
func (s *Service) maintainedThrough(repo store.Repository) (store.Repository, error) {
	if repo.Maintainer == "" {
		return repo, nil
	}
	for _, other := range placeOf(s.store.Repositories(), repo) {
		if other.Agent == repo.Maintainer && other.ID != repo.ID {
			if other.Status != store.RepositoryReady {
				return other, notReady(other)
			}
			return other, nil
		}
	}
	name := s.agentName(repo.Maintainer)
	return repo, fault.New(fault.Conflict, "maintainer_unable",
		"the agent %s is to maintain %q and has no registration of it: make one with borgfleet-controller repositories import NAME PATH --agent %s, where PATH is as that host reaches it", name, repo.Name, name)
}

// asMaintainer makes a job of the maintainer's one for the archives of the
// registration that it is for. The retention is for the log: a prune says whose
// rule it goes by.
func (s *Service) asMaintainer(spec *job.Spec, of store.Repository) {
	if spec.Repository.ID != of.ID {
		a, _ := s.store.Agent(of.Agent)
		spec.Repository.MatchArchives = ownPattern(of.Repository, a)
		spec.Repository.Retention = of.Retention
	}
}
