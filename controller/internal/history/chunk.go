package history

import (
	"sort"
	"sync/atomic"
)

// chunkRows is a compromise: a late row copies one chunk (32 KB) and the list of
// chunks (16 KB for a million rows).
const chunkRows = 512

// chunk is a run of rows in order, a column a field. Once it is published, the
// position, agent, repository and schedule of a row never change; the columns
// below them do, and are read and written atomically. Rows past the count that
// a snapshot knows are the writer's own.
type chunk struct {
	created    [chunkRows]int64
	id         [chunkRows]int64
	agent      [chunkRows]uint32
	repository [chunkRows]uint32
	schedule   [chunkRows]uint32

	attr     [chunkRows]uint32
	started  [chunkRows]uint32
	ended    [chunkRows]uint32
	recorded [chunkRows]uint32
	original [chunkRows]int64
	dedup    [chunkRows]int64

	n int // rows; of a snapshot's last chunk, the snapshot has the count

	digest digest
}

// entry is a row in the form the chunk keeps it.
type entry struct {
	pos                         Position
	agent, repository, schedule uint32
	attr, started, ended        uint32
	recorded                    uint32
	original, dedup             int64
}

func (c *chunk) position(i int) Position {
	return Position{created: c.created[i], id: c.id[i]}
}

// search gives the first of n rows that is not before p.
func (c *chunk) search(p Position, n int) int {
	return sort.Search(n, func(i int) bool { return c.position(i).compare(p) >= 0 })
}

// set fills row i, which no reader knows yet. The digest is for the caller to mend.
func (c *chunk) set(i int, e entry) {
	c.created[i], c.id[i] = e.pos.created, e.pos.id
	c.agent[i], c.repository[i], c.schedule[i] = e.agent, e.repository, e.schedule
	c.store(i, e)
}

// change gives row i of n new values where they may change.
func (c *chunk) change(i, n int, e entry) {
	c.digestRow(i, e)
	c.store(i, e)
	c.digestPairs(n)
}

// store writes what may change. The attributes come last: who sees a job ended sees
// its figures too.
func (c *chunk) store(i int, e entry) {
	atomic.StoreUint32(&c.started[i], e.started)
	atomic.StoreUint32(&c.ended[i], e.ended)
	atomic.StoreUint32(&c.recorded[i], e.recorded)
	atomic.StoreInt64(&c.original[i], e.original)
	atomic.StoreInt64(&c.dedup[i], e.dedup)
	atomic.StoreUint32(&c.attr[i], e.attr)
}

// entry is row i. The writer's lock is held.
func (c *chunk) entry(i int) entry {
	return entry{
		pos: c.position(i), agent: c.agent[i], repository: c.repository[i], schedule: c.schedule[i],
		attr: c.attr[i], started: c.started[i], ended: c.ended[i], recorded: c.recorded[i],
		original: c.original[i], dedup: c.dedup[i],
	}
}

// sameFixed says whether e differs from row i only in what may change.
func (c *chunk) sameFixed(i int, e entry) bool {
	return c.agent[i] == e.agent && c.repository[i] == e.repository && c.schedule[i] == e.schedule
}

// same says whether row i is e. The writer's lock is held.
func (c *chunk) same(i int, e entry) bool {
	return c.sameFixed(i, e) && c.attr[i] == e.attr && c.started[i] == e.started && c.ended[i] == e.ended && c.recorded[i] == e.recorded &&
		c.original[i] == e.original && c.dedup[i] == e.dedup
}

// copyRows copies n rows from src[from:] to c[to:]. The two may be the same
// chunk, if no reader knows it.
func (c *chunk) copyRows(to int, src *chunk, from, n int) {
	copy(c.created[to:to+n], src.created[from:])
	copy(c.id[to:to+n], src.id[from:])
	copy(c.agent[to:to+n], src.agent[from:])
	copy(c.repository[to:to+n], src.repository[from:])
	copy(c.schedule[to:to+n], src.schedule[from:])
	copy(c.attr[to:to+n], src.attr[from:])
	copy(c.started[to:to+n], src.started[from:])
	copy(c.ended[to:to+n], src.ended[from:])
	copy(c.recorded[to:to+n], src.recorded[from:])
	copy(c.original[to:to+n], src.original[from:])
	copy(c.dedup[to:to+n], src.dedup[from:])
}

// with is a copy of the first n rows, with e inserted before row i.
func (c *chunk) with(i, n int, e entry) *chunk {
	d := &chunk{n: n + 1}
	d.copyRows(0, c, 0, i)
	d.set(i, e)
	d.copyRows(i+1, c, i, n-i)
	d.digestAll(d.n)
	return d
}

// clone is a copy of a chunk that was not the last one. As the last one it takes new
// rows, and who still reads from it goes by its count.
func (c *chunk) clone() *chunk {
	d := &chunk{n: c.n}
	d.copyRows(0, c, 0, c.n)
	d.digestAll(c.n)
	return d
}

// without is a copy of the first n rows but row i.
func (c *chunk) without(i, n int) *chunk {
	d := &chunk{n: n - 1}
	d.copyRows(0, c, 0, i)
	d.copyRows(i, c, i+1, n-i-1)
	d.digestAll(d.n)
	return d
}

// split gives the first n rows as two chunks.
func (c *chunk) split(n int) (*chunk, *chunk) {
	a, b := &chunk{n: n / 2}, &chunk{n: n - n/2}
	a.copyRows(0, c, 0, a.n)
	b.copyRows(0, c, a.n, b.n)
	a.digestAll(a.n)
	b.digestAll(b.n)
	return a, b
}
