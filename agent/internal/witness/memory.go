package witness

import "borgfleet/agent/internal/memory"

// Memory keeps, for each registration, the facts up to which all changes of its
// repository were this agent's own or were seen by it. Losing one costs one list.
type Memory struct{ Dir string }

// Known is what is remembered; false if nothing is.
func (m Memory) Known(repository int64) (Facts, bool) { return memory.Of[Facts](m).Get(repository) }

// Remember replaces it.
func (m Memory) Remember(repository int64, f Facts) error {
	return memory.Of[Facts](m).Put(repository, f)
}
