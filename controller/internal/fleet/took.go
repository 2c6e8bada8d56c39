package fleet

import (
	"time"

	"borgfleet/controller/internal/history"
)

// took is how long a backup ran, and what it added.
type took struct {
	backup history.Mark
	time   time.Duration
	dedup  int64 // bytes
}

// tookLast is how long the last good backup of a repository ran. The index does not
// know: one that is made up for was due long before it began, and counting from
// there would let a backup be missing for as long. Only the job tells when it
// began, and to read each one for each question would be slow.
func (s *Service) tookLast(repository int64, good history.Mark) time.Duration {
	return s.lastTook(repository, good).time
}

// lastTook is what the last good backup of a repository took; zero: there is none.
func (s *Service) lastTook(repository int64, good history.Mark) took {
	if good.ID == 0 {
		return took{}
	}
	x := s.expectations
	x.mu.Lock()
	last, known := x.took[repository]
	x.mu.Unlock()
	if known && last.backup == good {
		return last
	}
	j, ok, err := s.store.Job(good.ID)
	if err != nil || !ok || j.Verdict == nil {
		return took{}
	}
	begun := j.StartedAt()
	if begun.Before(good.CreatedAt) {
		begun = good.CreatedAt // by a clock that was wrong
	}
	// Not good.EndedAt: that is in whole seconds, and a short backup took nothing by it.
	last = took{good, max(0, j.Verdict.EndedAt.Sub(begun)), j.Verdict.Progress.DedupSize}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.took) >= mostExpectations {
		clear(x.took) // deleted ones are in it for ever else
	}
	x.took[repository] = last
	return last
}
