package fleet

import (
	"slices"

	"borgfleet/controller/internal/store"
)

// place are the registrations of one borg repository: each agent that uses it has
// its own, and its own catalogue of all that is in it.
type place []store.Repository

// placeOf gives all registrations of a repository, itself among them.
func placeOf(all []store.Repository, repo store.Repository) place {
	var p place
	for _, other := range all {
		if other.ID == repo.ID || samePlace(repo, other) {
			p = append(p, other)
		}
	}
	return p
}

func (p place) has(id int64) bool {
	return slices.ContainsFunc(p, func(r store.Repository) bool { return r.ID == id })
}

// maintained: some registration names a maintainer.
func (p place) maintained() bool {
	return slices.ContainsFunc(p, func(r store.Repository) bool { return r.Maintainer != "" })
}

// mayRemove says whether an agent's word counts that it has removed archives: it
// may be a thief's. Where maintainers are named, theirs alone does.
func (p place) mayRemove(agent string) bool {
	named := p.maintained()
	return slices.ContainsFunc(p, func(r store.Repository) bool {
		if named {
			return r.Maintainer == agent
		}
		return r.Agent == agent
	})
}
