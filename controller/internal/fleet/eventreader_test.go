package fleet

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

func aJob(id int64) store.Changed {
	return store.Changed{Thing: store.ThingJob, ID: id, Repository: id * 10, Agent: fmt.Sprint("a", id%2)}
}

func progress(id int64) store.Changed {
	c := aJob(id)
	c.Live = true
	return c
}

// named looks nothing up: it tells which thing was named.
func named(c store.Changed) (Event, error) {
	return Event{Type: EventJob, Job: &JobView{Job: job.Job{ID: c.ID, Agent: c.Agent}}}, nil
}

// told reads what there is now, as often as it comes at once.
func told(t *testing.T, r *eventReader) (ids []int64) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 2*eventPause)
		batch, err := r.next(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if len(batch.Events) == 0 {
			return ids
		}
		for _, e := range batch.Events {
			if e.Type == EventReset {
				ids = append(ids, -1)
			} else {
				ids = append(ids, e.Job.ID)
			}
		}
	}
}

func wantTold(t *testing.T, r *eventReader, want ...int64) {
	t.Helper()
	if got := told(t, r); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

// Progress is told at most once a second for each job and each reader; what is
// more than progress is told at once. The newest progress is never forgotten.
func TestProgressIsToldOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		r := newEventReader(f, eventFilter{}, named)
		count := 0
		for range 50 { // five seconds
			f.mark([]store.Changed{progress(1)})
			count += len(told(t, r))
			time.Sleep(100*time.Millisecond - 2*eventPause)
		}
		if count < 4 || count > 6 {
			t.Errorf("%d events of progress in five seconds", count)
		}
		f.mark([]store.Changed{progress(1), aJob(2)})
		if got := told(t, r); len(got) == 0 || got[0] != 2 && got[len(got)-1] != 2 {
			t.Errorf("another job's change was held back: %v", got)
		}
		f.mark([]store.Changed{aJob(1)})
		wantTold(t, r, 1)
		f.mark([]store.Changed{progress(1)})
		wantTold(t, r)
		time.Sleep(progressEvery)
		wantTold(t, r, 1)
		time.Sleep(10 * progressEvery)
		wantTold(t, r)
		if len(r.held) != 0 || len(r.told) > 1 {
			t.Errorf("the reader keeps %d and %d", len(r.held), len(r.told))
		}
	})
}

// A reader that waits is woken by the next change, and by the end of its
// patience.
func TestReaderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		r := newEventReader(f, eventFilter{}, named)
		start := time.Now()
		go func() {
			time.Sleep(3 * time.Second)
			f.mark([]store.Changed{aJob(1)})
		}()
		batch, err := r.next(t.Context())
		if err != nil || len(batch.Events) != 1 || time.Since(start) != 3*time.Second {
			t.Errorf("%v, %v after %s", batch, err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		start = time.Now()
		if batch, err := r.next(ctx); err != nil || len(batch.Events) != 0 || time.Since(start) != 15*time.Second {
			t.Errorf("%v, %v after %s", batch, err, time.Since(start))
		}
	})
}

func TestFilter(t *testing.T) {
	repo := store.Changed{Thing: store.ThingRepository, ID: 20, Agent: "a0"}
	agent := store.Changed{Thing: store.ThingAgent, Agent: "a0"}
	all := []store.Changed{aJob(1), aJob(2), aJob(20), repo, agent}
	for _, tt := range []struct {
		filter eventFilter
		want   string
	}{
		{eventFilter{}, "11111"},
		{eventFilter{things: []store.Thing{store.ThingAgent, store.ThingRepository}}, "00011"},
		{eventFilter{agent: "a0"}, "01111"},
		{eventFilter{repositories: []int64{20}}, "01010"},
		{eventFilter{job: 20}, "00100"},
		{eventFilter{job: 20, agent: "a1"}, "00000"},
	} {
		got := ""
		for _, c := range all {
			if tt.filter.wants(c) {
				got += "1"
			} else {
				got += "0"
			}
		}
		if got != tt.want {
			t.Errorf("%+v lets %s pass, want %s", tt.filter, got, tt.want)
		}
	}
}

// Whatever is marked, read, cut off and taken up again: in the end the reader
// has seen the newest value of everything, or was told to read it again.
func TestNothingIsLeftOut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(aStep), 1, 80).Draw(rt, "steps")
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = playSteps(t, steps) })
		if wrong != "" {
			rt.Error(wrong)
		}
	})
}

// step is one thing that happens to a reader and its feed.
type step struct {
	What string // cut, flood, sleep, read, mark
	N    int
	Live bool
}

func aStep(rt *rapid.T) step {
	what := rapid.SampledFrom([]string{"cut", "flood", "sleep", "sleep", "read", "read", "read", "mark", "mark", "mark", "mark"}).Draw(rt, "what")
	most := map[string]int{"cut": 5, "flood": 2 * feedSize, "sleep": 1500, "mark": 5}[what]
	return step{what, rapid.IntRange(0, most).Draw(rt, "n"), rapid.Bool().Draw(rt, "live")}
}

func playSteps(t *testing.T, steps []step) (wrong string) {
	m := &readerModel{feed: newFeed(), now: map[int64]int{}, seen: map[int64]int{}}
	m.connect("")
	for _, s := range steps {
		switch s.What {
		case "cut":
			m.cut(t, s.N)
		case "flood":
			m.flood(s.N)
		case "sleep":
			time.Sleep(time.Duration(s.N) * time.Millisecond)
		case "read":
			m.read(t)
		case "mark":
			m.mark(int64(s.N), s.Live)
		}
	}
	for range 2 { // what was held back comes after a second
		for m.read(t) {
		}
		time.Sleep(2 * progressEvery)
	}
	for m.read(t) {
	}
	for id, v := range m.now {
		if m.seen[id] != v {
			wrong += fmt.Sprintf("job %d is at %d, the reader knows %d\n", id, v, m.seen[id])
		}
	}
	return wrong
}

// readerModel is a reader that forgets what was under way when it is cut off.
type readerModel struct {
	feed   *feed
	reader *eventReader
	now    map[int64]int // versions
	seen   map[int64]int
	cursor string
}

func (m *readerModel) connect(cursor string) {
	m.reader = newEventReader(m.feed, eventFilter{}, named)
	if cursor != "" {
		at, ok := m.feed.place(cursor)
		if m.reader.lost = !ok; ok {
			m.reader.at, m.reader.safe = at, at
		}
	}
	// The place is told at once.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if batch, _ := m.reader.next(ctx); batch.Cursor != "" {
		m.cursor = batch.Cursor
	}
}

func (m *readerModel) mark(id int64, live bool) {
	m.now[id]++
	c := aJob(id)
	c.Live = live
	m.feed.mark([]store.Changed{c})
}

func (m *readerModel) flood(n int) {
	for i := range n {
		m.feed.mark([]store.Changed{aJob(1000 + int64(i))})
	}
}

func (m *readerModel) read(t *testing.T) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 2*eventPause)
	defer cancel()
	batch, err := m.reader.next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range batch.Events {
		if e.Type == EventReset {
			for id, v := range m.now {
				m.seen[id] = v
			}
			continue
		}
		m.seen[e.Job.ID] = m.now[e.Job.ID]
	}
	if batch.Cursor != "" {
		m.cursor = batch.Cursor
	}
	return len(batch.Events) > 0
}

// cut ends the connection when the first few events of a batch have come, but
// not their cursor.
func (m *readerModel) cut(t *testing.T, came int) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*eventPause)
	defer cancel()
	batch, err := m.reader.next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range batch.Events[:max(0, min(came, len(batch.Events)-1))] {
		if e.Type != EventReset {
			m.seen[e.Job.ID] = m.now[e.Job.ID]
		}
	}
	m.connect(m.cursor)
}

func TestCursors(t *testing.T) {
	f := newFeed()
	for range feedSize + 10 {
		f.mark([]store.Changed{aJob(1)})
	}
	for cursor, want := range map[string]bool{
		f.cursor(f.newest()): true, f.cursor(10): true, f.cursor(9): false, f.cursor(f.newest() + 1): false,
		newFeed().cursor(20): false, "": false, "x": false, f.id: false, f.id + "-": false, f.id + "--1": false, f.id + "-99999999999999999999999": false,
	} {
		if at, ok := f.place(cursor); ok != want {
			t.Errorf("%q: %d, %v", cursor, at, ok)
		}
	}
}
