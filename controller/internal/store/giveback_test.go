package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/shared/job"
)

// noise stores a job that has ended, with a log that does not pack.
func noise(t testing.TB, s *Store, lines int) job.Job {
	t.Helper()
	j := addJob(t, s, "a1")
	recs := make([]job.Record, lines)
	for i := range recs {
		var text strings.Builder
		for range 4 {
			text.WriteString(rand.Text())
		}
		recs[i] = job.Record{Number: uint64(i + 1), Time: t0, Text: text.String()}
	}
	update(t, s, func(tx *Tx) error {
		if err := tx.AppendLog(j.ID, 1, recs); err != nil {
			return err
		}
		j = ended(j, job.Completed)
		j.LogNext, j.Verdict.JournalEnd = uint64(lines+1), uint64(lines)
		return tx.PutJob(j)
	})
	return j
}

func disk(t testing.TB, s *Store) int64 {
	t.Helper()
	n, err := s.DiskBytes()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestGiveBack: what is removed goes from the disk while others write, and what is
// not stays.
func TestGiveBack(t *testing.T) {
	// As few as all lie in tables that came from memory, and as many as do not.
	for _, n := range []int{60, 160} {
		t.Run(fmt.Sprint(n), func(t *testing.T) { giveBack(t, n) })
	}
}

func giveBack(t *testing.T, n int) {
	s := open(t, t.TempDir())
	var jobs []job.Job
	for range n {
		jobs = append(jobs, noise(t, s, 2500))
	}
	before := disk(t, s)
	old, kept := jobs[:n*9/10], jobs[n*9/10:]
	for some := range slices.Chunk(old, 40) {
		update(t, s, func(tx *Tx) error {
			for _, j := range some {
				l, _, err := s.OldLog(j.ID)
				if err := errors.Join(err, tx.RemoveLog(l), tx.ExpireJob(j.ID)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if now := disk(t, s); now < before*3/4 || s.Removed() < before/2 {
		t.Fatalf("%d bytes before, %d after, %d removed: nothing is tested", before, now, s.Removed())
	}
	writing, stop := context.WithCancel(t.Context())
	wrote := make(chan int)
	go func() {
		n := 0
		// Not more: what they write stays, and is no part of what is to go.
		for ; writing.Err() == nil && n < 500; n++ {
			j := newJob(0, "a2")
			_ = s.Update(writing, func(tx *Tx) error { j.ID = tx.NewJobID(); return tx.PutJob(j) })
		}
		wrote <- n
	}()
	err := s.GiveBack(t.Context(), func(time.Duration) error { return nil })
	stop()
	if n := <-wrote; err != nil || n == 0 {
		t.Fatalf("%d jobs were stored meanwhile: %v", n, err)
	}
	if now := disk(t, s); now > before/3 {
		t.Errorf("%d bytes of %d are left", now, before)
	}
	if s.Removed() != 0 {
		t.Errorf("%d bytes are still to be given back", s.Removed())
	}
	s = reopened(t, s)
	for _, j := range kept {
		wantLines(t, s, j.ID, 2500)
	}
	for e, err := range s.Entries() {
		if err != nil || string(e.Key) == padKey {
			t.Fatalf("%q: %v", e.Key, err)
		}
	}
}

// TestGiveBackEnds when it is told to, and with the store.
func TestGiveBackEnds(t *testing.T) {
	s := open(t, t.TempDir())
	endedJob(t, s, "a", 3)
	enough := errors.New("enough")
	if err := s.GiveBack(t.Context(), func(time.Duration) error { return enough }); !errors.Is(err, enough) {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.GiveBack(t.Context(), func(time.Duration) error { return nil }); err == nil {
		t.Error("a closed store was packed")
	}
}
