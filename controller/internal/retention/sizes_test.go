package retention

import (
	"testing"
	"time"

	"borgfleet/shared/job"
)

// TestNormalSizeSurvives a start after a sweep: what is left of the history leads to
// the same normal backup as all of it did.
func TestNormalSizeSurvives(t *testing.T) {
	b := newBench(t)
	b.repository(1)
	size := func(bytes int64) func(*job.Job) {
		return func(j *job.Job) { j.Verdict.Progress.OriginalSize = bytes; j.Register.Verdict = j.Verdict }
	}
	backup := func(age time.Duration, bytes int64) job.Job {
		return b.add(one{repository: 1, kind: job.Backup, status: job.Completed, ended: age, change: size(bytes)})
	}
	first := backup(900*day, 100)
	b.add(one{repository: 1, kind: job.Prune, status: job.Completed, ended: 900*day - time.Hour, parent: first.Key}) // the only one
	backup(800*day, 60)
	newest := backup(700*day, 40)
	b.add(one{repository: 3, kind: job.Check, status: job.Completed})
	if got := b.st.LastJobs(1).Normal.ID; got != newest.ID {
		t.Fatalf("normal is %d, want %d", got, newest.ID)
	}
	b.sweep(Policy{History: 730 * day})
	if got := b.st.LastJobs(1); got.Normal.ID != newest.ID || got.Shrunk() {
		t.Errorf("after the sweep: %+v", got)
	}
	b.reopen()
	if got := b.st.LastJobs(1); got.Normal.ID != newest.ID || got.Shrunk() {
		t.Errorf("after a start: %+v", got)
	}
}
