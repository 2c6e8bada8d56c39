package store

import (
	"testing"

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
