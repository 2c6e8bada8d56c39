package history

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
)

// Index holds a row for every job.
type Index struct {
	mu      sync.Mutex // one writer at a time; readers never take it
	snap    atomic.Pointer[snapshot]
	loading bool // no reader yet: rows may be moved in place

	agents       *numbers[string]
	repositories *numbers[int64]
	schedules    *numbers[int64]
	lasts        *lasts

	// The agent of the row before, while loading: it is often the next one's
	// too, and making a string of it costs more than all the rest.
	lastAgent   []byte
	lastAgentID uint32
}

// New makes an empty index.
func New() *Index {
	ix := &Index{
		agents:       newNumbers[string](),
		repositories: newNumbers[int64](),
		schedules:    newNumbers[int64](),
		lasts:        newLasts(),
	}
	ix.schedules.of(0) // no schedule is number 0
	ix.snap.Store(&snapshot{})
	return ix
}

// Load makes an index of encoded rows, best in order. The bytes are not used
// after the loop has moved on.
func Load(rows iter.Seq2[[]byte, error]) (*Index, error) {
	ix := New()
	ix.loading = true
	for b, err := range rows {
		if err != nil {
			return nil, err
		}
		p, err := decode(b)
		if err != nil {
			return nil, fmt.Errorf("read history row: %w", err)
		}
		ix.put(p)
	}
	ix.loaded()
	return ix, nil
}

// loaded makes what nobody needed so far: the digests, and which backups are normal.
func (ix *Index) loaded() {
	s := ix.snap.Load()
	for ci, c := range s.chunks {
		c.digestAll(s.count(ci))
	}
	ix.normals()
	ix.loading = false
}

// Len is the number of rows.
func (ix *Index) Len() int { return ix.snap.Load().rows }

// Put adds a row or replaces the one with the same position.
func (ix *Index) Put(r Row) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.put(pack(r))
}

// Delete removes the row at p, if there is one.
func (ix *Index) Delete(p Position) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	s := ix.snap.Load()
	ci, ri, there := s.find(p)
	if !there {
		return
	}
	next := &snapshot{tail: s.tail, rows: s.rows - 1}
	n, repository, schedule := s.count(ci), s.chunks[ci].repository[ri], s.chunks[ci].schedule[ri]
	if n == 1 {
		next.chunks = slices.Concat(s.chunks[:ci], s.chunks[ci+1:])
	} else {
		next.chunks = slices.Clone(s.chunks)
		next.chunks[ci] = s.chunks[ci].without(ri, n)
	}
	switch k := len(next.chunks); {
	case k == 0:
		next.tail = 0
	case ci == k: // the last chunk is another one now
		next.chunks[k-1] = next.chunks[k-1].clone()
		next.tail = next.chunks[k-1].n
	case ci == k-1:
		next.tail = next.chunks[k-1].n
	}
	ix.snap.Store(next)
	ix.lasts.forget(repository, schedule, p, ix)
}

func (ix *Index) put(p packed) {
	e := ix.entry(p)
	s := ix.snap.Load()
	newest, any := s.last()
	changed := true
	if !any || newest.compare(e.pos) < 0 {
		ix.append(s, e)
	} else if ci, ri, there := s.find(e.pos); there {
		changed = !s.chunks[ci].same(ri, e)
		ix.replace(s, ci, ri, e)
	} else {
		ix.insert(s, ci, ri, e)
	}
	if changed && p.backup() {
		ix.lasts.put(e, p, ix)
	}
}

func (ix *Index) entry(p packed) entry {
	attr := attrOf(p.kind, p.status, p.trigger)
	if p.logGone {
		attr |= logGoneBit
	}
	return entry{
		pos:        p.pos,
		agent:      ix.agentNumber(p.agent),
		repository: ix.repositories.of(p.repository),
		schedule:   ix.schedules.of(p.schedule),
		attr:       attr,
		started:    p.started, ended: p.ended, recorded: p.recorded, original: p.original, dedup: p.dedup,
	}
}

func (ix *Index) agentNumber(b []byte) uint32 {
	if ix.lastAgent != nil && bytes.Equal(ix.lastAgent, b) {
		return ix.lastAgentID
	}
	id, ok := ix.agents.ids[string(b)] // makes no string; the writer needs no lock to look
	if !ok {
		id = ix.agents.of(string(b))
	}
	ix.lastAgent, ix.lastAgentID = append(ix.lastAgent[:0], b...), id
	return id
}

// append is the way of nearly every new row. The snapshots that readers hold
// end before it.
func (ix *Index) append(s *snapshot, e entry) {
	next := &snapshot{chunks: s.chunks, tail: s.tail + 1, rows: s.rows + 1}
	if ix.loading {
		next = s
		next.tail, next.rows = s.tail+1, s.rows+1
	}
	if next.rows == 1 || next.tail > chunkRows {
		// What lies past the end of an older snapshot's list is not in it, so
		// the list may grow in place.
		next.chunks, next.tail = append(s.chunks, &chunk{}), 1
	}
	c := next.chunks[len(next.chunks)-1]
	c.set(next.tail-1, e)
	if !ix.loading {
		c.digestRow(next.tail-1, e)
	}
	c.n = next.tail
	ix.snap.Store(next)
}

func (ix *Index) replace(s *snapshot, ci, ri int, e entry) {
	c := s.chunks[ci]
	if c.sameFixed(ri, e) {
		c.change(ri, s.count(ci), e)
		return
	}
	n := s.count(ci)
	d := &chunk{n: n}
	d.copyRows(0, c, 0, n)
	d.set(ri, e)
	d.digestAll(n)
	next := &snapshot{chunks: slices.Clone(s.chunks), tail: s.tail, rows: s.rows}
	next.chunks[ci] = d
	ix.snap.Store(next)
}

// insert adds a row that comes late: a job that ran while the controller was
// away, for one.
func (ix *Index) insert(s *snapshot, ci, ri int, e entry) {
	n := s.count(ci)
	for n == chunkRows { // once more if the row that moved filled the next one, and e comes before it
		s = ix.makeRoom(s, ci)
		ci, ri, _ = s.find(e.pos)
		n = s.count(ci)
	}
	next := &snapshot{tail: s.tail, rows: s.rows + 1}
	if ix.loading {
		c := s.chunks[ci]
		c.copyRows(ri+1, c, ri, n-ri)
		c.set(ri, e)
		c.n = n + 1
		next.chunks = s.chunks
	} else {
		next.chunks = slices.Clone(s.chunks)
		next.chunks[ci] = s.chunks[ci].with(ri, n, e)
	}
	if ci == len(s.chunks)-1 {
		next.tail++
	}
	ix.snap.Store(next)
}

// makeRoom gives a snapshot in which chunk ci is not full. Nearly all rows that come
// late come just before the newest ones: their chunk gives its last row to the next
// one, and not half of its rows to a chunk that will never fill up.
func (ix *Index) makeRoom(s *snapshot, ci int) *snapshot {
	chunks, tail := s.chunks, s.tail
	if ci+1 == len(chunks) {
		chunks, tail = append(chunks, &chunk{}), 0 // past the end of an older snapshot's list
	}
	next := &snapshot{chunks: chunks, tail: tail, rows: s.rows}
	n := next.count(ci + 1)
	if n == chunkRows {
		return ix.split(s, ci)
	}
	if ci+2 == len(chunks) {
		next.tail++
	}
	c, after := chunks[ci], chunks[ci+1]
	if ix.loading {
		after.copyRows(1, after, 0, n)
		after.set(0, c.entry(chunkRows-1))
		c.n, after.n = chunkRows-1, n+1
		return next
	}
	next.chunks = slices.Clone(chunks)
	next.chunks[ci] = c.without(chunkRows-1, chunkRows)
	next.chunks[ci+1] = after.with(0, n, c.entry(chunkRows-1))
	return next
}

func (ix *Index) split(s *snapshot, ci int) *snapshot {
	a, b := s.chunks[ci].split(s.count(ci))
	next := &snapshot{tail: s.tail, rows: s.rows}
	next.chunks = slices.Concat(s.chunks[:ci], []*chunk{a, b}, s.chunks[ci+1:])
	if ci == len(s.chunks)-1 {
		next.tail = b.n
	}
	return next
}
