package fleet

import (
	"slices"
	"strings"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// place are the registrations that people have put at one borg repository: each
// agent that uses it has its own, and its own catalogue of all that is in it.
// What is said at a place holds others back there, so an agent's word alone puts
// nobody into it.
type place []store.Repository

// placeOf gives all registrations at a repository's place, itself among them.
func placeOf(all []store.Repository, repo store.Repository) place {
	var p place
	for _, other := range all {
		if other.ID == repo.ID || together(repo, other) {
			p = append(p, other)
		}
	}
	return p
}

// sameRepository: borg's own id says so, or a path that is the same from every
// host. The id is its agent's word, and may be a thief's: who goes by this may
// not let it cost the other one anything.
func sameRepository(a, b store.Repository) bool { return sameID(a, b) || samePath(a, b) }

func sameID(a, b store.Repository) bool { return a.BorgID != "" && a.BorgID == b.BorgID }

func samePath(a, b store.Repository) bool {
	where := job.Location(a.Path, a.Agent)
	return strings.Contains(where, "://") && where == job.Location(b.Path, b.Agent)
}

// together: a person has said that it is one repository, with the path, or by
// naming the one's agent as the other's maintainer. An agent's own registrations
// are its own affair.
func together(a, b store.Repository) bool {
	return samePath(a, b) || sameID(a, b) && (a.Agent == b.Agent || a.Maintainer == b.Agent || b.Maintainer == a.Agent)
}

// standsBefore says whether one of two jobs that share a location may keep the
// other waiting. Between agents it takes a job that this controller made, where a
// person has said that both use one repository: else a thief's job that never
// ends would hold what it never had. borg's own lock keeps the others apart.
func standsBefore(other, j job.Job) bool {
	if other.Agent == j.Agent {
		return true
	}
	a, b := ofJob(other), ofJob(j)
	return !other.Announced && together(a, b)
}

// ofJob is the registration as a job carries it.
func ofJob(j job.Job) store.Repository {
	return store.Repository{Repository: j.Spec.Repository, Agent: j.Agent}
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

// refuseDoubtful: a maintainer would work for whoever has the repository's id. If
// another host claims the same one from elsewhere, one of them may be a thief, and
// the maintainer would prune the other's archives by this one's rules.
func (s *Service) refuseDoubtful(repo store.Repository) error {
	for _, other := range s.store.Repositories() {
		if other.Agent == repo.Agent || other.Agent == repo.Maintainer || !sameID(repo, other) || samePath(repo, other) {
			continue
		}
		if a, _ := s.store.Agent(other.Agent); a.Revoked {
			continue
		}
		return fault.New(fault.Conflict, "maintainer_doubtful",
			"the agents %s and %s both say that their repository has borg's id %s, from other paths: %q at %s, and %q at %s. If it is one repository, register it with one path; if not, one of the hosts does not tell the truth: compare with borg info there, and revoke it",
			s.agentName(repo.Agent), s.agentName(other.Agent), repo.BorgID, repo.Name, repo.Path, other.Name, other.Path)
	}
	return nil
}
