package main

import (
	"context"
	"math/rand/v2"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/schedule"
)

// filler makes one fleet.
type filler struct {
	sizes
	st   *store.Store
	rand *rand.Rand

	repos []repository
	defs  []schedule.Schedule
	turn  []int // repositories in the order of their backups, drawn anew for each round
	made  int   // jobs
}

// repository is what the jobs of one have in common.
type repository struct {
	store.Repository
	agent    string // its name
	schedule int    // place in filler.defs; -1: none backs it up
	size     float64
	files    float64
}

func newFiller(of sizes, st *store.Store) *filler {
	return &filler{sizes: of, st: st, rand: rand.New(rand.NewPCG(of.seed, 0))}
}

func (f *filler) fill(ctx context.Context) error {
	if err := f.addFleet(ctx); err != nil {
		return err
	}
	return f.steps(ctx, func(tx *store.Tx) (more bool, err error) {
		if f.made >= f.jobs {
			return false, nil
		}
		return true, f.addRun(tx)
	})
}

// each calls add n times, many in each update.
func (f *filler) each(ctx context.Context, n int, add func(tx *store.Tx, i int) error) error {
	i := 0
	return f.steps(ctx, func(tx *store.Tx) (bool, error) {
		if i >= n {
			return false, nil
		}
		i++
		return true, add(tx, i-1)
	})
}

// steps calls add until it says that there is no more to do, many times in each
// update.
func (f *filler) steps(ctx context.Context, add func(tx *store.Tx) (more bool, err error)) error {
	for more := true; more; {
		err := f.st.Update(ctx, func(tx *store.Tx) (err error) {
			for more && err == nil && !tx.Full() {
				more, err = add(tx)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// one picks any of what there is.
func one[T any](f *filler, of ...T) T { return of[f.rand.IntN(len(of))] }

// chance is true so often.
func (f *filler) chance(share float64) bool { return f.rand.Float64() < share }
