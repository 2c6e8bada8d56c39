package fleet

import (
	"sync"
	"time"

	"borgfleet/controller/internal/store"
)

// expectations remember when schedules were due: to ask ten thousand expressions
// anew takes seconds, and each changes once in a run.
type expectations struct {
	mu sync.Mutex
	by map[scheduled]expectation // guarded by mu
}

func newExpectations() *expectations { return &expectations{by: map[scheduled]expectation{}} }

func (x *expectations) of(one store.Schedule, repository int64, a store.Agent, now time.Time) expectation {
	key := scheduled{one.ID, repository}
	of := one.Cron + "\x00" + one.Zone + "\x00" + a.Timezone + "\x00" + one.Splay.String() + "\x00" + one.SinceFor(repository).String() + string(one.Key[:])
	x.mu.Lock()
	e, known := x.by[key]
	x.mu.Unlock()
	if known && e.of == of && now.Before(e.next) && !now.Before(e.last.Due) {
		return e
	}
	e = expectation{of: of}
	if times, ok := timesOf(one, repository, a); ok {
		e.last = times.Last(one.SinceFor(repository), now)
		if !e.last.IsZero() {
			e.before = times.Last(one.SinceFor(repository), e.last.Due.Add(-time.Nanosecond))
		}
		e.next = times.Next(now).Due
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.by) >= mostExpectations {
		clear(x.by) // deleted ones are in it for ever else
	}
	x.by[key] = e
	return e
}

const mostExpectations = 100_000
