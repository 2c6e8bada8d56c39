package daemon

import (
	"sync/atomic"
	"testing"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/witness"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// looker answers what the test says.
type looker struct {
	change atomic.Int32
	mark   atomic.Value
	looks  atomic.Int32
	hang   chan struct{} // not nil: a look waits for it
}

func (l *looker) look(job.Repository) (witness.Change, string) {
	l.looks.Add(1)
	if l.hang != nil {
		<-l.hang
	}
	mark, _ := l.mark.Load().(string)
	return witness.Change(l.change.Load()), mark
}

func (l *looker) say(c witness.Change, mark string) {
	l.mark.Store(mark)
	l.change.Store(int32(c))
}

func looking(t *testing.T) (*fixture, *looker) {
	t.Helper()
	l := &looker{}
	f := newFixture(t)
	f.stop()
	f.look = l.look
	f.open()
	err := f.d.Apply(&fleetv1.WatchResponse{Snapshot: true, StoreId: "s", Repositories: []*fleetv1.Repository{
		wire.FromRepository(job.Repository{ID: 7, Name: "r", Path: "/r", BorgID: "x"}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return f, l
}

// looked makes the daemon look once, and waits until it has thought about it.
func (f *fixture) looked() {
	f.t.Helper()
	f.d.lookAround()
	f.await("the look's end", func() bool {
		f.d.mu.Lock()
		defer f.d.mu.Unlock()
		for _, n := range f.d.seen {
			if n.looking {
				return false
			}
		}
		return true
	})
}

// lists are the jobs that came of it, the unfinished ones ended.
func (f *fixture) lists() (n int) {
	f.t.Helper()
	for _, dir := range f.d.Dirs() {
		s := dir.Spec()
		if s.Kind != job.List {
			continue
		}
		if s.TriggeredBy != job.ByAgent || s.RequestedBy == "" || s.Repository.Path != "/r" {
			f.t.Errorf("spec %+v", s)
		}
		n++
		if t, ok := f.d.get(dir.Key()); ok && !dir.Ended() {
			f.d.release(t)
			f.ended(dir.Key())
		}
	}
	return n
}

func TestAChangeIsListedOnce(t *testing.T) {
	f, l := looking(t)
	want := func(what string, n int) {
		t.Helper()
		f.looked()
		if got := f.lists(); got != n {
			t.Errorf("%s: %d lists, want %d", what, got, n)
		}
	}
	want("nothing", 0)
	l.say(witness.Changed, "1")
	want("changed", 1)
	want("the same", 1)
	f.pass(59 * time.Second)
	want("within a minute", 1)
	f.pass(time.Second)
	want("it did not help", 2)
	f.pass(3 * time.Minute)
	want("patience grows", 2)
	f.pass(time.Minute)
	want("but not for ever", 3)
	l.say(witness.Changed, "2")
	want("another change", 4)
	l.say(witness.None, "")
	want("listed", 4)
	l.say(witness.Changed, "2")
	want("changed back", 5)
}

// TestOwnWorkIsNotLookedAt: before the end of a job at the same place nothing
// can be told.
func TestOwnWorkIsNotLookedAt(t *testing.T) {
	f, l := looking(t)
	dir, err := f.d.Start(job.Repository{ID: 8, Path: "/./r/"}, "me") // waits for the controller
	if err != nil {
		t.Fatal(err)
	}
	l.say(witness.Changed, "1")
	f.looked()
	if n := f.lists(); n != 0 || l.looks.Load() != 0 {
		t.Errorf("%d lists, %d looks", n, l.looks.Load())
	}
	tended, _ := f.d.get(dir.Key())
	f.d.release(tended)
	f.ended(dir.Key())
	f.await("a look at the job's end", func() bool { return l.looks.Load() > 0 })
	f.await("a list", func() bool { return f.lists() == 1 })
}

// TestWhatWasNeverListed: the controller orders the first list itself, as soon
// as the repository is ready.
func TestWhatWasNeverListed(t *testing.T) {
	f, l := looking(t)
	l.say(witness.Unknown, "1")
	f.looked()
	f.pass(59 * time.Second)
	f.looked()
	if n := f.lists(); n != 0 {
		t.Fatalf("%d lists", n)
	}
	f.pass(time.Second)
	f.looked()
	if n := f.lists(); n != 1 {
		t.Fatalf("%d lists", n)
	}
}

// TestADiskThatHangs holds nobody up, and is not asked twice.
func TestADiskThatHangs(t *testing.T) {
	f, l := looking(t)
	l.hang = make(chan struct{})
	defer close(l.hang)
	for range 3 {
		f.d.lookAround()
	}
	f.await("the look", func() bool { return l.looks.Load() == 1 })
	key := newKey(t)
	f.order(key, fleetv1.Order_DESIRED_RUN, spec(f.now))
	f.ended(key)
	f.stop() // also ends
	if n := l.looks.Load(); n != 1 {
		t.Errorf("%d looks", n)
	}
}

// TestAnnouncedListsSurvive a restart, and are not made twice by it.
func TestAnnouncedListsSurvive(t *testing.T) {
	f, l := looking(t)
	l.say(witness.Changed, "1")
	f.looked()
	f.stop()
	f.open()
	f.looked()
	var lists []*jobdir.Dir
	for _, dir := range f.d.Dirs() {
		if dir.Spec().Kind == job.List {
			lists = append(lists, dir)
		}
	}
	if len(lists) != 1 {
		t.Errorf("%d lists", len(lists))
	}
}
