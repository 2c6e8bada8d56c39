package history

import (
	"math/bits"
	"sync/atomic"

	"borgfleet/shared/job"
)

// Totals sums up rows.
type Totals struct {
	Jobs     int64
	ByStatus map[job.Status]int64
	Original int64 // bytes read
	Dedup    int64 // bytes added to repositories
}

// Add counts the jobs of a tally.
func (t *Totals) Add(of Tally) {
	t.Jobs += of.Jobs()
	t.Original = sum(t.Original, of.Original)
	t.Dedup = sum(t.Dedup, of.Dedup)
	for _, s := range job.Statuses() {
		if n := of.Of(s); n > 0 {
			t.ByStatus[s] += n
		}
	}
}

// Totals sums up what f selects.
func (ix *Index) Totals(f Filter) Totals {
	m := ix.matcher(f)
	var t Totals
	var by [32]int64 // by the place of the status's bit
	ix.scan(&m, Position{}, func(c *chunk, i int) bool {
		t.Jobs++
		t.Original = sum(t.Original, atomic.LoadInt64(&c.original[i]))
		t.Dedup = sum(t.Dedup, atomic.LoadInt64(&c.dedup[i]))
		by[bits.TrailingZeros32(atomic.LoadUint32(&c.attr[i])&statusBits)%32]++
		return true
	})
	t.ByStatus = map[job.Status]int64{}
	for code, n := range by {
		if s := statusOf(uint8(code - statusShift)); n > 0 && s != "" {
			t.ByStatus[s] = n
		}
	}
	return t
}
