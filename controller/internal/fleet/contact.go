package fleet

import (
	"time"

	"borgfleet/controller/internal/store"
)

// heard notes that the agent has said something just now. That a connection
// stands is no contact: a host that hangs keeps it for a while.
func (se *session) heard(now time.Time) {
	se.mu.Lock()
	se.heardAt = now
	se.mu.Unlock()
}

func (se *session) lastHeard() time.Time {
	se.mu.Lock()
	defer se.mu.Unlock()
	return se.heardAt
}

// lastContact is when an agent last said something; zero: never. The store
// learns it only at a connection's beginning and end.
func (s *Service) lastContact(a store.Agent) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := later(a.LastContactAt, s.lastWords[a.ID])
	if se := s.sessions[a.ID]; se != nil {
		last = later(last, se.lastHeard())
	}
	return last
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
