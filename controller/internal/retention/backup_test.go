package retention

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// TestBackupsWhileJobsGo: whenever a copy of the store is taken, each job is in it
// once, as itself or as counted.
func TestBackupsWhileJobsGo(t *testing.T) {
	b := newBench(t)
	b.addEach(100, func(i int) one {
		o := one{repository: 7, kind: job.Backup, status: job.Completed, ended: 1000*day - day, lines: i % 3}
		if i == 99 {
			o.ended = 0
		}
		return o
	})
	first := history.DateOf(ago(1001 * day))
	want, err := b.st.Days(history.Filter{}, first, 1003)
	b.must(err)
	between := 0
	k := b.keeper(Policy{History: 730 * day})
	k.Pause = func(context.Context, time.Duration) error { // after each update
		dir := filepath.Join(t.TempDir(), "copy")
		b.must(store.Rebuild(dir, store.Options{KeepFree: 1 << 20}, b.st.Entries(), store.Restored{TakenAt: now, At: now}))
		again, err := store.Open(dir, store.Options{KeepFree: 1 << 20})
		b.must(err)
		if n := again.Count(); n > 1 && n < 100 {
			between++
		}
		got, err := again.Days(history.Filter{}, first, 1003)
		b.must(err)
		b.must(again.Close())
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(history.Tally{})); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		return nil
	}
	k.Sweep(t.Context())
	if between == 0 || b.st.Count() != 1 {
		t.Errorf("%d copies were taken in the middle, and %d jobs are left", between, b.st.Count())
	}
}
