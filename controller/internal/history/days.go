package history

import "sync/atomic"

// Days sums up what f selects, for each of n days from first on. A job is of the
// day it was made on: of a scheduled one, when it was due. What f says of times
// holds beside that.
func (ix *Index) Days(f Filter, first Date, n int) []Tally {
	days := make([]Tally, n)
	m := ix.matcher(f)
	m.since = max(m.since, nanos(first.Time()))
	m.until = min(m.until, nanos((first + Date(n)).Time()))
	m.none = m.none || m.since >= m.until
	at := n
	var begin int64 // of the day at, in nanoseconds; rows come newest first
	ix.scan(&m, Position{}, func(c *chunk, i int) bool {
		for at == n || c.created[i] < begin {
			at--
			begin = nanos((first + Date(at)).Time())
		}
		t := &days[at]
		t.by[statusIn(atomic.LoadUint32(&c.attr[i]))%statusCodes]++
		t.Original = sum(t.Original, atomic.LoadInt64(&c.original[i]))
		t.Dedup = sum(t.Dedup, atomic.LoadInt64(&c.dedup[i]))
		t.time(atomic.LoadUint32(&c.started[i]), atomic.LoadUint32(&c.ended[i]))
		return true
	})
	return days
}
