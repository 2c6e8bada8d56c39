package fleet

import "sync"

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
