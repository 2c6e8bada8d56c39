package store

import (
	"testing"
	"time"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// TestSizesOutliveARestart: what shrank is known at once when the store is opened,
// and so is what somebody took for normal.
func TestSizesOutliveARestart(t *testing.T) {
	s := open(t, t.TempDir())
	backup := func(size int64) job.Job {
		t.Helper()
		j := ended(addJob(t, s, "a"), job.Completed)
		j.Verdict.Progress.OriginalSize = size
		update(t, s, func(tx *Tx) error { return tx.PutJob(j) })
		return j
	}
	normal := func(want job.Job, shrunk bool) {
		t.Helper()
		if last := s.LastJobs(7); last.Normal.ID != want.ID || last.Shrunk() != shrunk {
			t.Errorf("normal is job %d, want %d; shrunk: %v, want %v", last.Normal.ID, want.ID, last.Shrunk(), shrunk)
		}
	}
	first := backup(100)
	backup(40)
	small := backup(41)
	normal(first, true)
	s = reopened(t, s)
	normal(first, true)
	days, err := s.Days(history.Filter{}, history.DateOf(t0), 1)
	if err != nil {
		t.Fatal(err)
	}
	if day := days[0]; day.Of(job.Completed) != 3 || day.Original != 181 || day.Timed != 3 || day.Seconds != 3*59 {
		t.Errorf("%+v", days)
	}

	repo := Repository{Repository: job.Repository{ID: 7, Name: "home"}, Agent: "a", SizesAcceptedFrom: small.Spec.CreatedAt}
	update(t, s, func(tx *Tx) error { return tx.PutRepository(repo) })
	normal(small, false)
	s = reopened(t, s)
	normal(small, false)
	if kept, _ := s.Repository(7); !kept.SizesAcceptedFrom.Equal(small.Spec.CreatedAt) {
		t.Errorf("%s", kept.SizesAcceptedFrom)
	}
	backup(20)
	normal(small, true)
}

// TestSizesOfARegistrationThatGoes: what somebody took for normal goes with it. One
// that comes back under its id, as a host's does that has kept it, is told the same
// of before and after a restart.
func TestSizesOfARegistrationThatGoes(t *testing.T) {
	s := open(t, t.TempDir())
	var last job.Job
	for _, size := range []int64{100, 40} {
		last = ended(addJob(t, s, "a"), job.Completed)
		last.Verdict.Progress.OriginalSize = size
		update(t, s, func(tx *Tx) error { return tx.PutJob(last) })
	}
	repo := Repository{Repository: job.Repository{ID: 7, Name: "home"}, Agent: "a", SizesAcceptedFrom: last.Spec.CreatedAt}
	update(t, s, func(tx *Tx) error { return tx.PutRepository(repo) })
	update(t, s, func(tx *Tx) error { return tx.DeleteRepository(7) })
	repo.SizesAcceptedFrom = time.Time{}
	update(t, s, func(tx *Tx) error { return tx.PutRepository(repo) })
	for _, when := range []string{"live", "after a restart"} {
		if got := s.LastJobs(7); !got.Shrunk() || got.Normal.Original != 100 {
			t.Errorf("%s: %+v", when, got)
		}
		s = reopened(t, s)
	}
}
