package store

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"borgfleet/shared/job"
)

func appendLog(t testing.TB, s *Store, id int64, recs []job.Record) {
	t.Helper()
	update(t, s, func(tx *Tx) error { return tx.AppendLog(id, recs[0].Number, recs) })
}

// chunks gives the levels of a log's chunks.
func chunks(t testing.TB, s *Store, id int64) (levels []int) {
	t.Helper()
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: idKey(logPrefix, id)})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			tl, err := readTail(it.Item())
			if err != nil {
				return err
			}
			levels = append(levels, int(tl.level))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return levels
}

// TestLogIsOneList appends in batches of any size, with restarts and numbers
// left out, and reads from anywhere.
func TestLogIsOneList(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	id := int64(0)
	rapid.Check(t, func(rt *rapid.T) {
		id++
		var all []job.Record
		next := uint64(1)
		for range rapid.IntRange(1, 30).Draw(rt, "batches") {
			next += rapid.Uint64Range(0, 3).Draw(rt, "hole")
			n := rapid.Uint64Range(1, 40).Draw(rt, "lines")
			recs := lines(next, n)
			if rapid.IntRange(0, 6).Draw(rt, "big") == 0 {
				recs[0].Text = strings.Repeat("x", rapid.IntRange(0, 200_000).Draw(rt, "size"))
			}
			if rapid.IntRange(0, 6).Draw(rt, "gap") == 0 {
				recs[0] = job.Record{Number: next, Gap: &job.Gap{Count: 7, Reason: "lost"}}
			}
			next += n
			all = append(all, recs...)
			appendLog(t, s, id, recs)
			if rapid.IntRange(0, 40).Draw(rt, "forget") == 0 {
				update(t, s, func(tx *Tx) error { clear(tx.s.tails); return nil })
			}
		}
		for range 5 {
			from := rapid.Uint64Range(0, next+2).Draw(rt, "from")
			limit := rapid.IntRange(0, 200).Draw(rt, "limit")
			i := slices.IndexFunc(all, func(r job.Record) bool { return r.Number >= from })
			var want []job.Record
			if i >= 0 && limit > 0 {
				want = all[i:min(len(all), i+limit)]
			}
			got, err := s.Log(id, from, limit)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				rt.Fatalf("from %d, %d: %v (-want +got):\n%s", from, limit, err, diff)
			}
		}
	})
}

// TestSmallChunksAreMerged: a log that came line by line is not stored so, and
// what was written for it in all is bounded.
func TestSmallChunksAreMerged(t *testing.T) {
	s := open(t, t.TempDir())
	id := addJob(t, s, "a1").ID
	const batches = 1500
	written := int64(0)
	real := s.write
	s.write = func(w map[string]write) error {
		for _, x := range w {
			written += int64(len(x.value))
		}
		return real(w)
	}
	for i := range uint64(batches) {
		update(t, s, func(tx *Tx) error { return tx.AppendLog(id, i*10+1, lines(i*10+1, 10)) })
		if i == batches/2 {
			s.write = real
			s = reopened(t, s)
			real = s.write
			s.write = func(w map[string]write) error {
				for _, x := range w {
					written += int64(len(x.value))
				}
				return real(w)
			}
		}
	}
	levels := chunks(t, s, id)
	t.Logf("%d batches: %d chunks, %d bytes written", batches, len(levels), written)
	if len(levels) > batches/20 {
		t.Errorf("%d chunks of %d batches: %v", len(levels), batches, levels)
	}
	recs, err := s.Log(id, 1, 1<<30)
	if err != nil || len(recs) != batches*10 {
		t.Fatal(len(recs), err)
	}
	for i, r := range recs {
		if r.Number != uint64(i+1) {
			t.Fatalf("line %d where %d should be", r.Number, i+1)
		}
	}
}

// TestNoLineTwice: what was stored is refused, and so is what is out of order.
func TestNoLineTwice(t *testing.T) {
	s := open(t, t.TempDir())
	id := addJob(t, s, "a1").ID
	appendLog(t, s, id, lines(1, 10))
	for range 2 {
		for what, recs := range map[string][]job.Record{
			"again":   lines(1, 10),
			"overlap": lines(10, 3),
			"twice":   append(lines(11, 1), lines(11, 1)...),
			"back":    append(lines(12, 1), lines(11, 1)...),
			"zero":    {{Number: 0}},
		} {
			err := s.Update(context.Background(), func(tx *Tx) error { return tx.AppendLog(id, recs[0].Number, recs) })
			if !errors.Is(err, ErrLogOrder) {
				t.Errorf("%s: %v", what, err)
			}
		}
		s = reopened(t, s)
	}
	appendLog(t, s, id, lines(11, 1))
}

// TestTheLogSaysWhereItEnds: the job's record is not written with each line.
func TestTheLogSaysWhereItEnds(t *testing.T) {
	s := open(t, t.TempDir())
	j := addJob(t, s, "a1")
	update(t, s, func(tx *Tx) error {
		j.LogNext = 6
		tx.SetLive(j)
		return tx.AppendLog(j.ID, 1, lines(1, 5))
	})
	s = reopened(t, s)
	wantJob(t, s, j)
}

// TestReadersOfAGrowingLog: who reads while lines come sees each once, in
// order, and stops no writer.
func TestReadersOfAGrowingLog(t *testing.T) {
	s := open(t, t.TempDir())
	id := addJob(t, s, "a1").ID
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			next := uint64(1)
			for stop := false; !stop; {
				select {
				case <-done:
					stop = true // once more, to the end
				default:
				}
				runtime.Gosched() // leave the writer a core
				for r, err := range s.LogFrom(id, next) {
					if err != nil || r.Number != next {
						t.Errorf("line %d where %d should be, %v", r.Number, next, err)
						return
					}
					next++
				}
			}
			if next != 2001 {
				t.Errorf("ended at %d", next)
			}
		})
	}
	for i := range uint64(400) {
		appendLog(t, s, id, lines(i*5+1, 5))
	}
	close(done)
	wg.Wait()
}

func FuzzChunk(f *testing.F) {
	c, err := newCodec()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(c.close)
	var d differ
	var raw []byte
	for _, r := range append(lines(1, 3), job.Record{Number: 9, Gap: &job.Gap{Count: 1, Reason: "x"}}) {
		raw = d.append(raw, r)
	}
	f.Add(raw)
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 30))
	f.Fuzz(func(t *testing.T, raw []byte) {
		recs, err := decodeRecords(raw)
		if err != nil {
			return
		}
		var d differ
		var again []byte
		for _, r := range recs {
			again = d.append(again, r)
		}
		same, err := decodeRecords(again)
		if diff := cmp.Diff(recs, same, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	})
}

func TestChunkThatDoesNotRead(t *testing.T) {
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var d differ
	good := c.pack(0, 1, d.append(nil, job.Record{Number: 1, Time: time.Now(), Text: "x"}))
	if _, err := c.unpack(good); err != nil {
		t.Fatal(err)
	}
	for i := range len(good) {
		if _, err := c.unpack(good[:i]); err == nil {
			t.Errorf("%d of %d bytes were taken", i, len(good))
		}
	}
	if _, err := c.unpack(append([]byte{99}, good[1:]...)); err == nil {
		t.Error("a version that does not exist was taken")
	}
}
