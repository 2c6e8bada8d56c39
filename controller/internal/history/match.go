package history

import (
	"math"
	"sync/atomic"

	"borgfleet/shared/job"
)

// matcher is a filter in the numbers of one index. A chunk is filtered a column
// at a time: the first test picks rows, each further one keeps some of them.
type matcher struct {
	tests        []test
	pairs        uint64 // kinds and statuses: a chunk that has none of them has no row; see digest
	since, until int64  // nanoseconds, until exclusive
	none         bool   // nothing can match
}

// test looks at one column.
type test struct {
	column func(*chunk) *[chunkRows]uint32
	pick   picker
	keep   func(t *test, column *[chunkRows]uint32, sel []uint16) int
	want   uint32
	set    numberSet
}

// picker fills sel with the rows of a chunk's column that a test selects.
type picker func(t *test, c *chunk, column []uint32, sel []uint16) int

// selected are rows of a chunk, by their place, in order.
type selected [chunkRows]uint16

func (ix *Index) matcher(f Filter) matcher {
	m := matcher{since: math.MinInt64, until: math.MaxInt64}
	if !f.Since.IsZero() {
		m.since = nanos(f.Since)
	}
	if !f.Until.IsZero() {
		m.until = nanos(f.Until)
	}
	m.none = m.since >= m.until
	if f.Repositories != nil {
		m.in(repositoryColumn, ix.repositories.set(f.Repositories), pickRepository)
	}
	if f.Agents != nil {
		m.in(agentColumn, ix.agents.set(f.Agents), pickAgent)
	}
	if f.Schedule != 0 { // after those two, which find theirs faster
		number, known := ix.schedules.known(f.Schedule)
		m.none = m.none || !known
		m.equal(scheduleColumn, number, pickEqual)
	}
	m.attributes(f)
	return m
}

func (m *matcher) equal(column func(*chunk) *[chunkRows]uint32, want uint32, pick picker) {
	m.tests = append(m.tests, test{column: column, pick: pick, keep: keepEqual, want: want})
}

func (m *matcher) in(column func(*chunk) *[chunkRows]uint32, set numberSet, pick picker) {
	switch number, n := set.one(); n {
	case 0:
		m.none = true
	case 1:
		m.equal(column, number, pick)
	default:
		m.tests = append(m.tests, test{column: column, pick: pickIn, keep: keepIn, set: set})
	}
}

// attributes tests kind, status and trigger at once: each is one bit of the
// word, so a row matches if it has none of the bits that are not wanted.
func (m *matcher) attributes(f Filter) {
	kinds, statuses, triggers := kindBits, statusBits, triggerBits
	if f.Kinds != nil {
		kinds = kindMask(f.Kinds)
	}
	if f.Statuses != nil {
		statuses = statusMask(f.Statuses)
	}
	scheduled := uint32(1) << (triggerShift + triggerCode(job.BySchedule))
	if f.ScheduledOnly {
		triggers &= scheduled
	}
	if f.ManualOnly {
		triggers &^= scheduled
	}
	m.none = m.none || kinds == 0 || statuses == 0 || triggers == 0
	m.pairs = pairsOf(kinds, statuses)
	unwanted := (kindBits | statusBits | triggerBits) &^ (kinds | statuses | triggers)
	if unwanted != 0 {
		m.tests = append(m.tests, test{column: attrColumn, pick: pickWithout, keep: keepWithout, want: unwanted})
	}
}

// rows fills sel with those of the first n rows of c that the tests select, and
// gives their number.
func (m *matcher) rows(c *chunk, n int, sel *selected) int {
	if atomic.LoadUint64(&c.digest.pairs)&m.pairs == 0 {
		return 0
	}
	if len(m.tests) == 0 {
		for i := range sel[:n] {
			sel[i] = uint16(i)
		}
		return n
	}
	first := &m.tests[0]
	n = first.pick(first, c, first.column(c)[:n], sel[:])
	for i := 1; i < len(m.tests) && n > 0; i++ {
		t := &m.tests[i]
		n = t.keep(t, t.column(c), sel[:n])
	}
	return n
}

func scheduleColumn(c *chunk) *[chunkRows]uint32   { return &c.schedule }
func repositoryColumn(c *chunk) *[chunkRows]uint32 { return &c.repository }
func agentColumn(c *chunk) *[chunkRows]uint32      { return &c.agent }
func attrColumn(c *chunk) *[chunkRows]uint32       { return &c.attr }

// The loops below are all the work of a query. They are written out, one for
// each test, because a call for each row would cost several times as much.

func pickAgent(t *test, c *chunk, column []uint32, sel []uint16) int {
	return c.digest.agents.pick(t.want, column, sel)
}

func pickRepository(t *test, c *chunk, column []uint32, sel []uint16) int {
	return c.digest.repositories.pick(t.want, column, sel)
}

func pickEqual(t *test, _ *chunk, column []uint32, sel []uint16) int {
	n, want := 0, t.want
	for i, v := range column {
		if v == want {
			sel[n] = uint16(i)
			n++
		}
	}
	return n
}

func pickIn(t *test, _ *chunk, column []uint32, sel []uint16) int {
	n, set := 0, t.set
	for i, v := range column {
		if set.has(v) {
			sel[n] = uint16(i)
			n++
		}
	}
	return n
}

func pickWithout(t *test, _ *chunk, column []uint32, sel []uint16) int {
	n, unwanted := 0, t.want
	for i := range column {
		if atomic.LoadUint32(&column[i])&unwanted == 0 {
			sel[n] = uint16(i)
			n++
		}
	}
	return n
}

func keepEqual(t *test, column *[chunkRows]uint32, sel []uint16) int {
	n := 0
	for _, i := range sel {
		if column[i%chunkRows] == t.want {
			sel[n] = i
			n++
		}
	}
	return n
}

func keepIn(t *test, column *[chunkRows]uint32, sel []uint16) int {
	n := 0
	for _, i := range sel {
		if t.set.has(column[i%chunkRows]) {
			sel[n] = i
			n++
		}
	}
	return n
}

func keepWithout(t *test, column *[chunkRows]uint32, sel []uint16) int {
	n := 0
	for _, i := range sel {
		if atomic.LoadUint32(&column[i%chunkRows])&t.want == 0 {
			sel[n] = i
			n++
		}
	}
	return n
}
