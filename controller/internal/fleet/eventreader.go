package fleet

import (
	"context"
	"time"

	"borgfleet/controller/internal/store"
)

// eventReader is one client's place in the feed. Its caller's goroutine does
// all its work.
type eventReader struct {
	feed *feed
	want eventFilter
	look func(store.Changed) (Event, error)

	at   uint64 // what was read from the feed
	lost bool   // the place that the client came with is gone
	told map[int64]time.Time
	held map[int64]heldProgress // jobs whose progress was told less than a second ago
	full bool                   // there may be more in the feed than was read
	last time.Time              // when the last batch was given
	safe uint64                 // everything up to here has been told
	buf  [eventsAtOnce]store.Changed
}

// heldProgress is a change that waits for its second.
type heldProgress struct {
	change store.Changed
	number uint64
	due    time.Time
}

func newEventReader(f *feed, want eventFilter, look func(store.Changed) (Event, error)) *eventReader {
	at := f.newest()
	return &eventReader{feed: f, want: want, look: look, at: at, safe: at, told: map[int64]time.Time{}, held: map[int64]heldProgress{}}
}

func (r *eventReader) next(ctx context.Context) (EventBatch, error) {
	for {
		if !r.full && !sleep(ctx, time.Until(r.last.Add(eventPause))) {
			return r.batch(nil), nil
		}
		events, err := r.collect()
		if err != nil {
			return EventBatch{}, err
		}
		if len(events) > 0 {
			r.last = time.Now()
			return r.batch(events), nil
		}
		if ctx.Err() != nil || !r.full && !r.wait(ctx) {
			return r.batch(nil), nil
		}
	}
}

func (r *eventReader) batch(events []Event) EventBatch {
	if r.lost {
		return EventBatch{Events: events} // the client keeps its lost place until it has heard of that
	}
	return EventBatch{Events: events, Cursor: r.feed.cursor(r.safe)}
}

// collect reads the feed on and looks up what is to be told now.
func (r *eventReader) collect() ([]Event, error) {
	n := 0
	if !r.lost {
		n, r.lost = r.feed.read(r.at, r.buf[:])
	}
	if r.lost {
		r.lost, r.full = false, false
		r.at = r.feed.newest()
		r.safe = r.at
		clear(r.held)
		return []Event{{Type: EventReset}}, nil
	}
	r.full = n == len(r.buf)
	tell := r.choose(r.buf[:n], time.Now())
	r.at += uint64(n)
	r.safe = r.at
	for _, h := range r.held {
		r.safe = min(r.safe, h.number-1)
	}
	events := make([]Event, 0, len(tell))
	for _, c := range tell {
		e, err := r.look(c)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// choose says which changes are told now. A value is read after all of them
// were made, so each thing is told once.
func (r *eventReader) choose(changes []store.Changed, now time.Time) []store.Changed {
	var tell []store.Changed
	already := map[store.Changed]bool{}
	add := func(c store.Changed) {
		name := c
		name.Live = false
		if already[name] {
			return
		}
		already[name] = true
		tell = append(tell, c)
		if c.Thing == store.ThingJob {
			r.told[c.ID] = now
			delete(r.held, c.ID)
		}
	}
	for id, t := range r.told {
		if now.Sub(t) >= progressEvery {
			delete(r.told, id)
		}
	}
	for _, h := range r.held {
		if !now.Before(h.due) {
			add(h.change)
		}
	}
	for i, c := range changes {
		if !r.want.wants(c) {
			continue
		}
		last, recent := r.told[c.ID]
		if !c.Live || !recent {
			add(c)
		} else if _, waits := r.held[c.ID]; !waits {
			r.held[c.ID] = heldProgress{c, r.at + uint64(i) + 1, last.Add(progressEvery)}
		}
	}
	return tell
}

// wait returns when there may be something to tell; false: ctx has ended.
func (r *eventReader) wait(ctx context.Context) bool {
	var due <-chan time.Time
	if at, ok := r.nextDue(); ok {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-r.feed.after(r.at):
		return true
	case <-due:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *eventReader) nextDue() (first time.Time, ok bool) {
	for _, h := range r.held {
		if !ok || h.due.Before(first) {
			first, ok = h.due, true
		}
	}
	return first, ok
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
