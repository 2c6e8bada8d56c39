package store

import "sync/atomic"

// versions are raised with each change that is visible by then: who remembers what
// it has found among agents or repositories can see that this is true no more.
type versions struct{ agents, repositories, schedules atomic.Uint64 }

func (v *versions) raise(changed []Changed) {
	for _, c := range changed {
		switch c.Thing {
		case ThingAgent:
			v.agents.Add(1)
		case ThingRepository:
			v.repositories.Add(1)
		}
	}
}

// AgentsVersion is another one after each change of an agent, former ones included.
func (s *Store) AgentsVersion() uint64 { return s.versions.agents.Load() }

// RepositoriesVersion is the same for repositories.
func (s *Store) RepositoriesVersion() uint64 { return s.versions.repositories.Load() }

// SchedulesVersion is the same for schedules, from the answer to a change on.
func (s *Store) SchedulesVersion() uint64 { return s.versions.schedules.Load() }
