package fleet

import (
	"sync"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/schedule"
)

// expectations remember when schedules were due: to ask ten thousand expressions
// anew takes seconds, and each changes once in a run.
type expectations struct {
	mu   sync.Mutex
	by   map[scheduled]*expectation // what is in it is never changed; guarded by mu
	took map[int64]took             // by repository; guarded by mu
}

func newExpectations() *expectations {
	return &expectations{by: map[scheduled]*expectation{}, took: map[int64]took{}}
}

// expectation is when a schedule was due for a repository, and will be.
type expectation struct {
	of    expected  // what it is made of: another one is made anew
	known bool      // the zone is
	made  time.Time // it holds from then on
	due   time.Time // the newest backup that should be there by now was due then; zero: none is expected yet
	next  time.Time // zero: never
	end   time.Time // it holds until then; zero: for ever
}

// expected is what an expectation depends on.
type expected struct {
	cron, zone, own string
	splay           time.Duration
	key             schedule.Key // the splay is made of it
	since           int64
	patience        time.Duration
}

// of says when a schedule was due for a repository. What was due less than
// patience ago may be on its way; what was due before stays expected, however
// often the schedule has been due since.
func (x *expectations) of(one *store.Schedule, repository int64, a *store.Agent, now time.Time, patience time.Duration) *expectation {
	key := scheduled{one.ID, repository}
	since := one.SinceFor(repository)
	of := expected{cron: one.Cron, zone: one.Zone, own: a.Timezone, splay: one.Splay, since: since.UnixNano(), patience: patience}
	if of.splay > 0 {
		of.key = one.Key
		if own, had := one.Keys[repository]; had {
			of.key = own
		}
	}
	x.mu.Lock()
	e, known := x.by[key]
	x.mu.Unlock()
	if known && e.of == of && !now.Before(e.made) && (e.end.IsZero() || now.Before(e.end)) {
		return e
	}
	e = &expectation{of: of, made: now}
	if times, ok := timesOf(*one, repository, *a); ok {
		e.known = true
		e.due = times.Last(since, now.Add(-patience)).Due
		e.next = times.Next(now).Due
		e.end = e.next
		if then := times.Next(now.Add(-patience)).Due; !then.IsZero() && then.Add(patience).Before(e.end) {
			e.end = then.Add(patience)
		}
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
