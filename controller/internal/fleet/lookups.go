package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
)

// lookups are what people's words for agents and repositories mean. To look through ten
// thousand of them takes longer than to find a page of jobs among a million, and they
// change seldom. What is given is not to be changed.
type lookups struct {
	agents       memo[[]string] // by id or name, also of those that are gone
	labels       memo[[]string] // by key=value
	repositories memo[[]int64]  // by path, name or id, also of those that are gone
	covered      memo[[]int64]  // by scope: repositories
	reached      memo[[]string] // by scope: agents
	fleet        memo[members]  // under one key
}

func newLookups() *lookups { return &lookups{} }

// agentIDs are all agents that ref names or named: a host that enrolled again
// under its old name has one history.
func (s *Service) agentIDs(ref string) []string {
	return s.lookups.agents.of(s.store.AgentsVersion(), ref, func() (ids []string) {
		for id, a := range s.store.AgentsByID() {
			if id == ref || a.Name == ref {
				ids = append(ids, id)
			}
		}
		for _, a := range s.store.FormerAgents() {
			if a.ID == ref || a.Name == ref {
				ids = append(ids, a.ID)
			}
		}
		return ids
	})
}

// labelled are the agents with a label, among some; none: among all.
func (s *Service) labelled(label string, among []string) ([]string, error) {
	key, value, ok := strings.Cut(label, "=")
	if !ok || key == "" {
		return nil, fault.InvalidField("query.label", "write it as key=value")
	}
	all := s.lookups.labels.of(s.store.AgentsVersion(), label, func() (ids []string) {
		for id, a := range s.store.AgentsByID() {
			if a.Labels[key] == value {
				ids = append(ids, id)
			}
		}
		return ids
	})
	if len(among) == 0 {
		return all, nil
	}
	return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return !slices.Contains(among, id) }), nil
}

// repositoryIDs are all repositories that ref names or named: the history of
// one whose registration was deleted stays, and a path that is registered again
// has one history.
func (s *Service) repositoryIDs(ref string) []int64 {
	return s.lookups.repositories.of(s.store.RepositoriesVersion(), ref, func() []int64 {
		all := s.everRegistered()
		for _, match := range repositoryMatchers(ref) {
			var ids []int64
			for _, r := range all {
				if match(r) {
					ids = append(ids, r.ID)
				}
			}
			if len(ids) > 0 {
				return ids
			}
		}
		return nil
	})
}

// covered are the repositories of a scope, those that are gone by its word alone.
func (s *Service) covered(scope *store.Scope) []int64 {
	return s.lookups.covered.of(s.store.RepositoriesVersion(), fmt.Sprint(*scope), func() []int64 {
		ids := slices.Clone(scope.Repositories)
		for _, r := range s.store.AnyOrder() {
			if scope.Covers(r.ID, r.Agent) {
				ids = append(ids, r.ID)
			}
		}
		slices.Sort(ids)
		return slices.Compact(ids)
	})
}

// reached are the agents that have, or had, a repository in a scope.
func (s *Service) reached(scope *store.Scope) []string {
	return s.lookups.reached.of(s.store.RepositoriesVersion(), fmt.Sprint(*scope), func() []string {
		agents := map[string]bool{}
		for _, r := range s.everRegistered() {
			if scope.Covers(r.ID, r.Agent) {
				agents[r.Agent] = true
			}
		}
		return slices.Collect(maps.Keys(agents))
	})
}

// everRegistered are all repositories, and those whose registration was deleted.
func (s *Service) everRegistered() []*store.Repository {
	all, gone := s.store.AnyOrder(), s.store.FormerRepositories()
	for i := range gone {
		all = append(all, &gone[i])
	}
	return all
}
