package fleet

import (
	"context"
	"strings"
	"time"

	"borgfleet/controller/internal/store"
)

// problemLife is how long an agent's problem is shown after it was last seen;
// problemPause is how often at most the same one is written down again: whoever
// causes it comes back every few minutes.
const (
	problemLife  = 24 * time.Hour
	problemPause = time.Minute
)

// noteProblem keeps what a person should look at with the agent's record.
func (s *Service) noteProblem(ctx context.Context, agent, what string) {
	s.update(ctx, "note an agent's problem", agent, func(tx *store.Tx) error { return s.putProblem(tx, agent, what) })
}

func (s *Service) putProblem(tx *store.Tx, agent, what string) error {
	now := s.now().UTC()
	a, ok := tx.Agent(agent)
	if !ok || a.Problem == what && now.Sub(a.ProblemAt) < problemPause {
		return nil
	}
	a.Problem, a.ProblemAt = what, now
	return tx.PutAgent(a)
}

// hostOf is what the agent's host calls itself.
func (s *Service) hostOf(agent string) string {
	a, _ := s.store.Agent(agent)
	return clip(a.Hostname)
}

// cutTo cuts off what is longer than it can be.
func cutTo(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// clip keeps what an agent says short where people read it.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
