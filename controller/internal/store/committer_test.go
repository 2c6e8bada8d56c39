package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"borgfleet/shared/job"
)

// TestAFailureHurtsNobodyElse: an update that fails or panics leaves nothing
// behind, and those of its group are stored.
func TestAFailureHurtsNobodyElse(t *testing.T) {
	s := open(t, t.TempDir())
	keep := addJob(t, s, "a1")
	boom := errors.New("boom")
	hold := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Update(context.Background(), func(*Tx) error { <-hold; return nil }) })

	errs := make([]error, 30)
	for i := range errs {
		wg.Go(func() {
			errs[i] = s.Update(context.Background(), func(tx *Tx) error {
				if j, ok, _ := tx.Job(keep.ID); !ok || j.Sent {
					t.Error("a failed update can be seen")
				}
				j := newJob(tx.NewJobID(), "a1")
				err := errors.Join(tx.PutJob(j), tx.AppendLog(j.ID, 1, lines(1, 5)),
					tx.PutAgent(Agent{ID: fmt.Sprint(i), Name: fmt.Sprint(i)}))
				if err != nil || i%3 == 0 {
					return err
				}
				changed := keep
				changed.Sent = true
				if err := tx.PutJob(changed); err != nil {
					return err
				}
				tx.OnCommit(func() { t.Error("called for an update that failed") })
				if i%3 == 1 {
					panic("oh")
				}
				return boom
			})
		})
	}
	close(hold)
	wg.Wait()
	good := 0
	for i, err := range errs {
		switch i % 3 {
		case 0:
			good++
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		case 2:
			if !errors.Is(err, boom) {
				t.Errorf("%d: %v", i, err)
			}
		default:
			if err == nil {
				t.Errorf("%d: a panic went unnoticed", i)
			}
		}
	}
	for range 2 {
		if n := len(s.ActiveJobs()); n != good+1 || s.Count() != n || len(s.Agents()) != good {
			t.Fatalf("%d active, %d in the history, %d agents; want %d", n, s.Count(), len(s.Agents()), good)
		}
		wantJob(t, s, keep)
		s = reopened(t, s)
	}
}

// TestAFailedCommitChangesNothing: neither memory nor the next reader knows
// anything of it, and everyone of the group hears of it.
func TestAFailedCommitChangesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	keep := addJob(t, s, "a1")
	real := s.write
	disk := errors.New("disk")
	s.write = func(map[string]write) error { return disk }
	err := s.Update(context.Background(), func(tx *Tx) error {
		changed := ended(keep, job.Completed)
		tx.OnCommit(func() { t.Error("called without a commit") })
		return errors.Join(tx.PutJob(changed), tx.PutJob(newJob(tx.NewJobID(), "a2")),
			tx.PutAgent(Agent{ID: "a1", Name: "x"}), tx.AppendLog(keep.ID, 1, lines(1, 2)))
	})
	if !errors.Is(err, disk) {
		t.Fatal(err)
	}
	s.write = real
	update(t, s, func(tx *Tx) error { // the committer's own view is the old one too
		if j, _, _ := tx.Job(keep.ID); j.Status != job.Pending || len(tx.Active("a1")) != 1 || len(tx.Agents()) != 0 {
			t.Error("the working state has changed")
		}
		return tx.AppendLog(keep.ID, 1, lines(1, 2))
	})
	wantJob(t, s, keep)
	if s.Count() != 1 || len(s.Agents()) != 0 || len(s.ActiveJobs()) != 1 {
		t.Error("the published state has changed")
	}
	if next := addJob(t, s, "a1"); next.ID <= keep.ID+1 {
		t.Errorf("id %d was given before", next.ID)
	}
}

// TestAnswerComesAfterTheDisk: nobody hears of success, and nobody sees the
// change, before the write has returned.
func TestAnswerComesAfterTheDisk(t *testing.T) {
	s := open(t, t.TempDir())
	real := s.write
	synced, release := make(chan struct{}), make(chan struct{})
	s.write = func(w map[string]write) error {
		close(synced)
		<-release
		return real(w)
	}
	var order []string
	done := make(chan error, 1)
	go func() {
		done <- s.Update(context.Background(), func(tx *Tx) error {
			tx.OnCommit(func() { order = append(order, "first") })
			tx.OnCommit(func() { order = append(order, "second") })
			return tx.PutJob(newJob(tx.NewJobID(), "a1"))
		})
	}()
	<-synced
	select {
	case <-done:
		t.Fatal("answered before the write was done")
	default:
	}
	if s.Count() != 0 || len(s.ActiveJobs()) != 0 {
		t.Fatal("visible before the write was done")
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"first", "second"}, order); diff != "" {
		t.Error(diff)
	}
}

// TestOneSyncServesEveryone: who waits while the disk is busy goes to it
// together.
func TestOneSyncServesEveryone(t *testing.T) {
	s := open(t, t.TempDir())
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Update(context.Background(), func(*Tx) error { close(held); <-hold; return nil }) })
	<-held
	for range 100 {
		wg.Go(func() { addJob(t, s, "a1") })
	}
	waitFor(t, func() bool { s.queue.mu.Lock(); defer s.queue.mu.Unlock(); return len(s.queue.waiting) == 100 })
	close(hold)
	wg.Wait()
	if n := s.Stats().Commits; n != 1 {
		t.Errorf("%d commits for 100 jobs that waited together", n)
	}
}

// TestContext: an update whose caller has gone is not carried out, one that has
// begun is.
func TestContext(t *testing.T) {
	s := open(t, t.TempDir())
	hold, held := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	begun := make(chan error, 1)
	go func() {
		begun <- s.Update(ctx, func(tx *Tx) error {
			close(held)
			<-hold
			return tx.PutAgent(Agent{ID: "begun", Name: "begun"})
		})
	}()
	<-held
	waiting := make(chan error, 1)
	go func() {
		waiting <- s.Update(ctx, func(tx *Tx) error { return tx.PutAgent(Agent{ID: "waiting", Name: "waiting"}) })
	}()
	waitFor(t, func() bool { s.queue.mu.Lock(); defer s.queue.mu.Unlock(); return len(s.queue.waiting) == 1 })
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(hold)
	if err := <-begun; err != nil {
		t.Error(err)
	}
	if err := s.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	if a := s.Agents(); len(a) != 1 || a[0].ID != "begun" {
		t.Errorf("%+v", a)
	}
	if err := s.Update(ctx, func(*Tx) error { t.Error("ran"); return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestClosed: who comes too late is told so, who was accepted is served.
func TestClosed(t *testing.T) {
	s := open(t, t.TempDir())
	var wg sync.WaitGroup
	var mu sync.Mutex
	stored := 0
	for range 50 {
		wg.Go(func() {
			err := s.Update(context.Background(), func(tx *Tx) error { return tx.PutJob(newJob(tx.NewJobID(), "a1")) })
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				stored++
			} else {
				wantCode(t, err, "stopping")
			}
		})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if n := open(t, s.dir.path).Count(); n != stored {
		t.Errorf("%d jobs, %d acknowledged", n, stored)
	}
}

func TestTooMuchAtOnce(t *testing.T) {
	s := open(t, t.TempDir())
	j := addJob(t, s, "a1")
	err := s.Update(context.Background(), func(tx *Tx) error {
		for i := range 100_000 {
			if err := tx.PutAgent(Agent{ID: fmt.Sprint(i), Name: fmt.Sprint(i), AgeRecipient: "long enough to count"}); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, ErrTooBig) || len(s.Agents()) != 0 {
		t.Fatal(err, len(s.Agents()))
	}
	wantJob(t, s, j)
}
