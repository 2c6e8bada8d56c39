package store

import "slices"

// Scope is what of the fleet an API token reaches: some repositories, and all
// those of some agents.
type Scope struct {
	Repositories []int64
	Agents       []string // ids
}

// Covers says whether a repository, or what was done with it, is in the scope.
// nil is everything.
func (s *Scope) Covers(repository int64, agent string) bool {
	return s == nil || slices.Contains(s.Repositories, repository) || slices.Contains(s.Agents, agent)
}

func scopeOf(repositories []int64, agents []string) *Scope {
	if len(repositories)+len(agents) == 0 {
		return nil
	}
	return &Scope{Repositories: repositories, Agents: agents}
}
