package fleet

import (
	"context"
	"sync"
	"time"

	"borgfleet/shared/job"
)

// watchers wakes those who wait for a job to change. A wake-up says only "look
// again", so it can never be missed, late or too many.
type watchers struct {
	mu   sync.Mutex
	jobs map[int64]map[chan struct{}]struct{} // guarded by mu
}

func newWatchers() *watchers {
	return &watchers{jobs: map[int64]map[chan struct{}]struct{}{}}
}

// on gives a channel that receives after each change of the job, and the
// function that ends it.
func (w *watchers) on(id int64) (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.jobs[id] == nil {
		w.jobs[id] = map[chan struct{}]struct{}{}
	}
	w.jobs[id][ch] = struct{}{}
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.jobs[id], ch)
		if len(w.jobs[id]) == 0 {
			delete(w.jobs, id)
		}
	}
}

func (w *watchers) wake(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ch := range w.jobs[id] {
		select {
		case ch <- struct{}{}:
		default: // one wake-up is already waiting
		}
	}
}

// await waits until a job is done, for limit at most, and says whether it is. A
// controller that stops has no agents any more that could tell: who waits then
// is answered at once.
func (s *Service) await(ctx context.Context, id int64, limit time.Duration, done func(job.Job) bool) (job.Job, bool, error) {
	changed, stop := s.watch.on(id)
	defer stop()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		j, err := s.load(id)
		if err != nil || done(j) {
			return j, err == nil, err
		}
		select {
		case <-changed:
		case <-timer.C:
			return j, false, nil
		case <-s.ending:
			return j, false, nil
		case <-ctx.Done():
			return j, false, ctx.Err()
		}
	}
}
