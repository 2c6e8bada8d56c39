package store

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"borgfleet/shared/job"
)

// TestRecordsInOneGo: jobs that lie close together and jobs that lie far apart are
// read the same, also where some are not there.
func TestRecordsInOneGo(t *testing.T) {
	s := open(t, t.TempDir())
	const last = 600
	stored := map[int64]job.Job{}
	update(t, s, func(tx *Tx) error {
		for range last {
			j := ended(newJob(tx.NewJobID(), "a1"), job.Completed)
			if j.ID%10 == 3 {
				continue // an id that no job got
			}
			stored[j.ID] = j
			if err := tx.PutJob(j); err != nil {
				return err
			}
		}
		return nil
	})
	draw := rand.New(rand.NewPCG(1, 1))
	for _, within := range []int64{10, 40, 100, last + 20} {
		for range 20 {
			s.cache = newCache()
			from := draw.Int64N(last)
			ids := make([]int64, 0, 50)
			for range 50 {
				if id := from + draw.Int64N(within); !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
			got, err := s.jobs(ids)
			if err != nil {
				t.Fatal(err)
			}
			want := []*job.Job{}
			for _, id := range ids {
				if j, ok := stored[id]; ok {
					want = append(want, &j)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%v (-want +got):\n%s", ids, diff)
			}
		}
	}
}

// TestKeyOfDeletedJob: what a key meant is forgotten with its job, also by those who
// have asked before.
func TestKeyOfDeletedJob(t *testing.T) {
	s := open(t, t.TempDir())
	j := ended(addJob(t, s, "a1"), job.Completed)
	update(t, s, func(tx *Tx) error { return tx.PutJob(j) })
	for range 2 {
		if id, ok, err := s.JobByKey(j.Key); err != nil || !ok || id != j.ID {
			t.Fatalf("%d, %v, %v", id, ok, err)
		}
	}
	gen := s.cache.generation() // of somebody who reads it while it goes
	expire(t, s, j.ID)
	s.cache.putID(gen, j.Key, j.ID)
	if id, ok, err := s.JobByKey(j.Key); err != nil || ok {
		t.Errorf("%d, %v, %v", id, ok, err)
	}
}
