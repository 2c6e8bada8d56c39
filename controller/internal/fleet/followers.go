package fleet

import (
	"sync"
	"time"

	"borgfleet/shared/job"
)

// followLife is how long one read of a running job's log counts as following.
const followLife = 15 * time.Second

// followers remembers which running jobs somebody reads along with.
type followers struct {
	now func() time.Time

	mu    sync.Mutex
	until map[int64]time.Time // who reads page by page; guarded by mu
	held  map[int64]int       // streams that are open; guarded by mu
}

func newFollowers(now func() time.Time) *followers {
	return &followers{now: now, until: map[int64]time.Time{}, held: map[int64]int{}}
}

// add says whether the agent has to be told.
func (f *followers) add(id int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	for old, t := range f.until {
		if now.After(t) {
			delete(f.until, old)
		}
	}
	known := f.followed(id, now)
	f.until[id] = now.Add(followLife)
	return !known
}

func (f *followers) has(id int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.followed(id, f.now())
}

// followed needs the lock.
func (f *followers) followed(id int64, now time.Time) bool {
	return f.held[id] > 0 || now.Before(f.until[id])
}

// hold counts a stream in until release is called. first says that the agent
// has to be told.
func (f *followers) hold(id int64) (first bool, release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first = !f.followed(id, f.now())
	f.held[id]++
	return first, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.held[id]--; f.held[id] == 0 {
			delete(f.held, id)
		}
	}
}

func (s *Service) answerFollow(j job.Job) {
	if se := s.session(j.Agent); se != nil && j.OnAgent() {
		se.answer(s.answerFor(j))
	}
}
