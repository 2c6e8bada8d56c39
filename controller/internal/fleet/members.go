package fleet

import (
	"cmp"
	"slices"

	"borgfleet/controller/internal/store"
)

// members are the agents that are not shut out, and their repositories in the order in which these were made.
type members struct {
	agents []*store.Agent
	hosts  []host
}

// host is a repository with its agent and those who back it up.
type host struct {
	repo   *store.Repository
	agent  *store.Agent
	by     []*store.Schedule // that are not paused
	paused bool              // some are
}

// fleet puts together what answers about all of the fleet go through: to find each
// one's agent and schedules takes as long as all else about them.
func (s *Service) fleet() members {
	// Each of them only grows, so the sum is another one after each change.
	version := s.store.AgentsVersion() + s.store.RepositoriesVersion() + s.store.SchedulesVersion()
	return s.lookups.fleet.of(version, "", s.findMembers)
}

func (s *Service) findMembers() (m members) {
	by, paused := s.schedulesByRepository()
	agents := s.store.AgentsByID()
	for _, a := range agents {
		if !a.Revoked {
			m.agents = append(m.agents, a)
		}
	}
	for _, repo := range s.store.AnyOrder() {
		if a := agents[repo.Agent]; a != nil && !a.Revoked {
			m.hosts = append(m.hosts, host{repo, a, by[repo.ID], paused[repo.ID]})
		}
	}
	// As they were made, they lie in memory: to go there and back costs half of all.
	slices.SortFunc(m.hosts, func(a, b host) int { return cmp.Compare(a.repo.ID, b.repo.ID) })
	return m
}

func (s *Service) schedulesByRepository() (by map[int64][]*store.Schedule, paused map[int64]bool) {
	by, paused = map[int64][]*store.Schedule{}, map[int64]bool{}
	all := s.store.Schedules()
	for i := range all {
		for _, id := range all[i].Repositories {
			if all[i].Enabled {
				by[id] = append(by[id], &all[i])
			} else {
				paused[id] = true
			}
		}
	}
	return by, paused
}
