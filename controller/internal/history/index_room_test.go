package history

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"borgfleet/shared/job"
)

// TestRoomAtTheSeam: a late row that comes between the last two of a full chunk
// belongs to the next one, which the row that moved there may have filled.
func TestRoomAtTheSeam(t *testing.T) {
	row := func(i int64, at time.Duration) Row {
		return Row{ID: i, CreatedAt: t0.Add(at), Agent: "a", Kind: job.Backup, Status: job.Completed, TriggeredBy: job.ByManual}
	}
	for _, loading := range []bool{false, true} {
		for next := int64(chunkRows - 2); next <= chunkRows; next++ {
			ix, m := New(), model{}
			ix.loading = loading
			put := func(r Row) { ix.Put(r); m[r.ID] = r }
			for i := range chunkRows + next {
				put(row(i+1, time.Duration(i)*time.Second))
			}
			put(row(5000, (chunkRows-2)*time.Second+1))
			put(row(5001, (chunkRows-2)*time.Second+2))
			ix.loaded()
			ids, _, _ := ix.Query(Filter{}, Position{}, 1<<30)
			if diff := cmp.Diff(m.query(Filter{}, Position{}), ids); diff != "" || ix.Len() != len(m) {
				t.Errorf("loading %v, %d rows in the next chunk:\n%s", loading, next, diff)
			}
		}
	}
}

// TestSnapshotsStay: who reads goes on with the rows that there were, also when the
// last chunk goes and the one before takes new rows.
func TestSnapshotsStay(t *testing.T) {
	ix := New()
	put := func(id int64) Row {
		r := Row{
			ID: id, CreatedAt: t0.Add(time.Duration(id) * time.Second), Agent: "a",
			Kind: job.Backup, Status: job.Completed, TriggeredBy: job.ByManual,
		}
		ix.Put(r)
		return r
	}
	first, last := put(1), Row{}
	for id := int64(2); id <= chunkRows+1; id++ {
		last = put(id)
	}
	ix.Delete(first.Position()) // there is room in a chunk that is not the last
	held := ix.snap.Load()
	before := held.count(0)
	ix.Delete(last.Position())
	put(chunkRows + 2)
	if got := held.count(0); got != before {
		t.Errorf("a chunk of %d rows has %d for who began to read before", before, got)
	}
}
