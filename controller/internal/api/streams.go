package api

import (
	"sync"
	"time"

	"borgfleet/controller/internal/fault"
)

// streams counts the open streams of each principal.
type streams struct {
	most int

	mu   sync.Mutex
	open map[string]int // by user; guarded by mu
}

func newStreams(most int) *streams { return &streams{most: most, open: map[string]int{}} }

// take counts a stream in until release is called.
func (s *streams) take(user string) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[user] >= s.most {
		return nil, &fault.Error{
			Kind: fault.TooMany, Code: "too_many_streams", RetryAfter: 10 * time.Second,
			Message: "too many streams are open for this user: end some, or follow several things with one GET /api/events",
		}
	}
	s.open[user]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[user]--; s.open[user] == 0 {
			delete(s.open, user)
		}
	}, nil
}
