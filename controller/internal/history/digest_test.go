package history

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"borgfleet/shared/job"
)

// crowd is a model with enough rows for many chunks, drawn from a seed.
type crowd struct {
	rand *rand.Rand
	rows map[int64]Row
	next int64
}

func (c *crowd) draw() Row {
	c.next++
	r := Row{
		ID: c.next, CreatedAt: t0.Add(time.Duration(c.next) * time.Second),
		Agent: fmt.Sprint("agent", c.rand.IntN(300)), Repository: c.rand.Int64N(900), Schedule: c.rand.Int64N(4) * c.rand.Int64N(20),
		// Few have a rare kind: most chunks have none of them.
		Kind:        job.Kinds()[min(c.rand.IntN(len(job.Kinds())), c.rand.IntN(40))],
		TriggeredBy: []job.TriggeredBy{job.ByManual, job.BySchedule, job.ByAgent}[c.rand.IntN(3)],
	}
	switch c.rand.IntN(4) {
	case 0: // one that comes late
		r.CreatedAt = t0.Add(time.Duration(c.rand.Int64N(c.next)) * time.Second)
	case 1: // and one that comes a little late, as they do all the time
		r.CreatedAt = r.CreatedAt.Add(-20 * time.Second)
	}
	r.Status = job.Statuses()[c.rand.IntN(2)]
	return r
}

// end gives a row that has not ended a good or a bad end.
func (c *crowd) end(r Row) Row {
	r.Status = job.Completed
	if c.rand.IntN(50) == 0 {
		r.Status = job.Statuses()[2+c.rand.IntN(4)]
	}
	r.EndedAt, r.Original, r.Dedup = r.CreatedAt.Add(time.Minute), r.ID*10, r.ID
	return r
}

// known is a row that is there.
func (c *crowd) known() (Row, bool) {
	for range 50 {
		if r, ok := c.rows[c.rand.Int64N(c.next+1)]; ok {
			return r, true
		}
	}
	return Row{}, false
}

func (c *crowd) filter() Filter {
	var f Filter
	maybe := func(set func()) {
		if c.rand.IntN(3) == 0 {
			set()
		}
	}
	some := func(n int) int { return []int{1, 1, 1, 3, 0}[c.rand.IntN(5)] % (n + 1) }
	maybe(func() {
		f.Agents = []string{}
		for range some(3) {
			f.Agents = append(f.Agents, fmt.Sprint("agent", c.rand.IntN(310)))
		}
	})
	maybe(func() {
		f.Repositories = []int64{}
		for range some(3) {
			f.Repositories = append(f.Repositories, c.rand.Int64N(920))
		}
	})
	maybe(func() { f.Statuses = []job.Status{job.Statuses()[c.rand.IntN(6)], job.Statuses()[c.rand.IntN(6)]} })
	maybe(func() { f.Kinds = []job.Kind{job.Kinds()[c.rand.IntN(8)]} })
	maybe(func() { f.Schedule = c.rand.Int64N(60) })
	maybe(func() { f.ScheduledOnly = true })
	maybe(func() { f.ManualOnly = true })
	maybe(func() { f.Since = t0.Add(time.Duration(c.rand.Int64N(c.next+1)) * time.Second) })
	maybe(func() { f.Until = t0.Add(time.Duration(c.rand.Int64N(c.next+1)) * time.Second) })
	return f
}

// TestManyChunksLikeTheModel: what a chunk's digest rules out is not there, while rows
// come in and out of order, wait, run, end, and go.
func TestManyChunksLikeTheModel(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			c := &crowd{rand: rand.New(rand.NewPCG(seed, 1)), rows: map[int64]Row{}}
			ix := New()
			for step := 1; step <= 6000; step++ {
				switch c.rand.IntN(30) {
				default:
					r := c.draw()
					c.rows[r.ID] = r
					ix.Put(r)
				case 0, 1, 2, 3, 4, 5, 6, 7, 8, 9:
					if r, ok := c.known(); ok {
						r = c.end(r)
						c.rows[r.ID] = r
						ix.Put(r)
					}
				case 10: // its repository was another one after all
					if r, ok := c.known(); ok {
						r.Repository = c.rand.Int64N(900)
						c.rows[r.ID] = r
						ix.Put(r)
					}
				case 11:
					if r, ok := c.known(); ok {
						delete(c.rows, r.ID)
						ix.Delete(r.Position())
					}
				}
				if step%3000 == 0 {
					c.compare(t, ix, 60)
				}
			}
			loaded, err := Load(encoded(model(c.rows), seed%2 == 0))
			if err != nil {
				t.Fatal(err)
			}
			c.compare(t, loaded, 60)
			for range 300 { // a loaded index goes on as any other
				r := c.draw()
				c.rows[r.ID] = r
				loaded.Put(r)
			}
			c.compare(t, loaded, 60)
		})
	}
}

func (c *crowd) compare(t *testing.T, ix *Index, filters int) {
	t.Helper()
	all := model(c.rows).sorted()
	if ix.Len() != len(all) {
		t.Fatalf("%d rows, want %d", ix.Len(), len(all))
	}
	for range filters {
		f := c.filter()
		var want []int64
		for _, r := range all {
			if f.Match(r) {
				want = append(want, r.ID)
			}
		}
		var got []int64
		for at, more := (Position{}), true; more; {
			var ids []int64
			ids, at, more = ix.Query(f, at, 1+c.rand.IntN(200))
			got = append(got, ids...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%+v (-want +got):\n%s", f, diff)
		}
	}
}

// TestChunksStayFull: rows that come a little late, as the steps after backups do,
// leave no half-empty chunks behind: they are memory, and time for each query.
func TestChunksStayFull(t *testing.T) {
	c := &crowd{rand: rand.New(rand.NewPCG(1, 1)), rows: map[int64]Row{}}
	live := New()
	var rows []Row
	for range 20 * chunkRows {
		r := c.draw()
		r.CreatedAt = t0.Add(time.Duration(r.ID-c.rand.Int64N(20)) * time.Second)
		rows = append(rows, r)
		live.Put(r)
	}
	loaded, err := Load(func(yield func([]byte, error) bool) {
		for _, r := range rows {
			if !yield(AppendRow(nil, r), nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, ix := range map[string]*Index{"live": live, "loaded": loaded} {
		if n := len(ix.snap.Load().chunks); n > 22 {
			t.Errorf("%s: %d chunks for 20 chunks of rows", name, n)
		}
	}
}

// TestDigestForgets: a chunk in which every job has ended is not looked at for those
// that wait, though each of them waited once.
func TestDigestForgets(t *testing.T) {
	c := &crowd{rand: rand.New(rand.NewPCG(1, 1)), rows: map[int64]Row{}}
	ix := New()
	for range 3 * chunkRows {
		r := c.draw()
		ix.Put(r)
		ix.Put(c.end(r))
	}
	m := ix.matcher(Filter{Statuses: []job.Status{job.Pending, job.Running}})
	for ci, chunk := range ix.snap.Load().chunks {
		if chunk.digest.pairs&m.pairs != 0 {
			t.Errorf("chunk %d is looked at", ci)
		}
	}
}

// TestQueriesWhileRowsEnd lets the race detector look at digests, and sees that no
// reader misses a row whose status is one of those it asks for before and after.
func TestQueriesWhileRowsEnd(t *testing.T) {
	ix := New()
	const rows = 2 * chunkRows
	row := func(id int64, st job.Status) Row {
		return Row{ID: id, CreatedAt: t0.Add(time.Duration(id) * time.Second), Agent: agents[id%3], Repository: id % 5, Kind: job.Backup, Status: st, TriggeredBy: job.ByManual}
	}
	for id := range int64(rows) {
		ix.Put(row(id+1, job.Pending))
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			f := Filter{Statuses: []job.Status{job.Pending, job.Running}, Agents: agents[:1]}
			for {
				if ids, _, _ := ix.Query(f, Position{}, rows); len(ids) != rows/3 {
					t.Errorf("%d rows, want %d", len(ids), rows/3)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for round := range 4 {
		for id := range int64(rows) {
			ix.Put(row(id+1, []job.Status{job.Running, job.Pending}[round%2]))
		}
	}
	close(stop)
	wg.Wait()
}
