package history

import (
	"math"
	"testing"
	"time"

	"borgfleet/shared/job"
)

// TestClaimsThatDoNotAddUp: hosts that claim the most that is believed of each job
// make no sum less than what one of them said.
func TestClaimsThatDoNotAddUp(t *testing.T) {
	const most = 1 << 53 // see wire
	ix := New()
	for i := range int64(1500) {
		ix.Put(Row{
			ID: i + 1, CreatedAt: t0.Add(time.Duration(i) * time.Second), Agent: "a", Repository: 1,
			Kind: job.Backup, Status: job.Completed, TriggeredBy: job.ByManual, Original: most, Dedup: most,
		})
	}
	if got := ix.Totals(Filter{}); got.Original != math.MaxInt64 || got.Dedup != math.MaxInt64 {
		t.Errorf("in all %d and %d bytes", got.Original, got.Dedup)
	}
	day := ix.Days(Filter{}, DateOf(t0), 2)
	if both := day[0].Plus(day[1]); both.Original != math.MaxInt64 || both.Dedup != math.MaxInt64 {
		t.Errorf("by day %d and %d bytes", both.Original, both.Dedup)
	}
	all := ix.Totals(Filter{})
	if all.Add(day[0]); all.Original != math.MaxInt64 || all.Dedup != math.MaxInt64 {
		t.Errorf("with jobs that are gone %d and %d bytes", all.Original, all.Dedup)
	}
	if got := day[0].Plus(day[0]); got.Original != math.MaxInt64 || got.Dedup != math.MaxInt64 {
		t.Errorf("twice that day %d and %d bytes", got.Original, got.Dedup)
	}
}
