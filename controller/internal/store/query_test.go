package store

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// TestNobodyReadsThePast: an ended job that changes (a late verdict) is read
// from memory by everyone, and from the moment its update is answered nobody
// gets the old one.
func TestNobodyReadsThePast(t *testing.T) {
	s := open(t, t.TempDir())
	j := ended(addJob(t, s, "a1"), job.Failed)
	update(t, s, func(tx *Tx) error { return tx.PutJob(j) })
	var answered atomic.Uint64
	answered.Store(j.LogNext)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				runtime.Gosched() // leave the writer a core
				least := answered.Load()
				got, ok, err := s.Job(j.ID)
				if err != nil || !ok || got.LogNext < least {
					t.Errorf("read %d after %d was answered: %v, %v", got.LogNext, least, ok, err)
					return
				}
			}
		})
	}
	for range 200 {
		j.LogNext++
		update(t, s, func(tx *Tx) error { return tx.PutJob(j) })
		answered.Store(j.LogNext)
	}
	close(stop)
	wg.Wait()
}

// TestPages reads all jobs a few at a time, across a restart, and refuses the
// cursor of another question.
func TestPages(t *testing.T) {
	s := open(t, t.TempDir())
	update(t, s, func(tx *Tx) error {
		for i := range 100 {
			j := newJob(tx.NewJobID(), fmt.Sprint("a", i%3))
			if i%2 == 0 {
				j = ended(j, job.Completed)
			}
			if err := tx.PutJob(j); err != nil {
				return err
			}
		}
		return nil
	})
	f := history.Filter{Agents: []string{"a1", "a2"}}
	var got []int64
	cursor := ""
	for {
		jobs, next, err := s.Query(f, cursor, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range jobs {
			got = append(got, j.ID)
		}
		if cursor = next; cursor == "" {
			break
		}
		if len(got) == 28 {
			s = reopened(t, s)
		}
	}
	var want []int64
	for id := int64(100); id >= 1; id-- {
		if (id-1)%3 != 0 {
			want = append(want, id)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, next, _ := s.Query(f, "", 7)
	if _, _, err := s.Query(history.Filter{}, next, 7); !errors.Is(err, history.ErrCursor) {
		t.Error(err)
	}
}
