package fleet

import (
	"maps"
	"slices"

	"borgfleet/controller/internal/fault"
)

// expel ends an agent's epoch at once: its streams end with why, also those
// that have nothing to say. What it told of its schedules is nobody's any more.
func (s *Service) expel(agent string, why error) {
	if se := s.session(agent); se != nil {
		s.finish(se, fault.Connect(why))
	}
	s.timetables.forget(agent)
}

// expelUnwelcome ends the epochs of agents whose certificate has expired or was
// replaced meanwhile: a stream that has nothing to say would not notice.
func (s *Service) expelUnwelcome() {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.sessions))
	s.mu.Unlock()
	for _, se := range all {
		if err := s.admit(se.id); err != nil {
			s.log.Info("agent shut out", "agent", se.agent, "err", err)
			s.finish(se, fault.Connect(err))
		}
	}
}

// forgetSilence drops what was kept of an agent that is no more.
func (s *Service) forgetSilence(agent string) {
	s.mu.Lock()
	delete(s.silent, agent)
	delete(s.lastWords, agent)
	s.mu.Unlock()
}
