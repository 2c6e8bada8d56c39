package store

import "slices"

// owned are the repositories of each agent, by id, in order: whoever asks for one
// host's must not look through those of ten thousand. A list in it is never written
// to, only replaced.
type owned map[string][]int64

// owns notes that a repository is an agent's.
func owns(agent string, id int64) change {
	return func(st *state) (undo func(*state)) {
		old := st.owned[agent]
		i, has := slices.BinarySearch(old, id)
		if has {
			return func(*state) {}
		}
		st.owned.set(agent, slices.Insert(slices.Clone(old), i, id))
		return func(st *state) { st.owned.set(agent, old) }
	}
}

// disowns takes that back.
func disowns(agent string, id int64) change {
	return func(st *state) (undo func(*state)) {
		old := st.owned[agent]
		i, has := slices.BinarySearch(old, id)
		if !has {
			return func(*state) {}
		}
		st.owned.set(agent, slices.Delete(slices.Clone(old), i, i+1))
		return func(st *state) { st.owned.set(agent, old) }
	}
}

func (o owned) set(agent string, ids []int64) {
	if len(ids) == 0 {
		delete(o, agent)
		return
	}
	o[agent] = ids
}

// RepositoriesOf gives an agent's repositories by id.
func (tx *Tx) RepositoriesOf(agent string) []Repository { return tx.s.working.repositoriesOf(agent) }

// RepositoriesOf gives an agent's repositories by id.
func (s *Store) RepositoriesOf(agent string) []Repository {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.repositoriesOf(agent)
}

func (st *state) repositoriesOf(agent string) []Repository {
	ids := st.owned[agent]
	out := make([]Repository, 0, len(ids))
	for _, id := range ids {
		out = append(out, *st.repositories[id])
	}
	return out
}
