package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"borgfleet/controller/internal/store"
)

// many registers n more repositories as one is.
func (r *rig) many(one store.Repository, n int) (all []store.Repository) {
	r.t.Helper()
	for len(all) < n {
		must(r.t, r.st.Update(r.t.Context(), func(tx *store.Tx) error {
			for k := 0; k < 500 && len(all) < n; k++ {
				next := one
				next.ID = tx.NewRepositoryID()
				next.Name, next.Path = fmt.Sprintf("/many/%d", next.ID), fmt.Sprintf("/many/%d", next.ID)
				if err := tx.PutRepository(next); err != nil {
					return err
				}
				all = append(all, next)
			}
			return nil
		}))
	}
	return all
}

// TestNextRuns are what each repository's times say, in one order.
func TestNextRuns(t *testing.T) {
	for _, cron := range []string{"30 2 * * *", "*/7 * * * *", "0 0 29 2 *"} {
		r := newRig(t)
		var repos []store.Repository
		for _, zone := range []string{"Europe/Berlin", "America/New_York", "UTC"} {
			p := r.agent("host-" + zone[len(zone)-3:])
			must(t, r.st.Update(t.Context(), func(tx *store.Tx) error {
				a, _ := tx.Agent(p.id)
				a.Timezone = zone
				return tx.PutAgent(a)
			}))
			first := r.repository(p, "/first")
			repos = append(append(repos, first), r.many(first, 4)...)
		}
		nowhere := r.repository(r.agent("nowhere"), "/nowhere")
		def := nightly("a")
		def.Cron, def.Zone, def.Splay = cron, "", 3*time.Hour
		v := r.schedule(def, append(repos, nowhere)...)
		one, _ := r.st.Schedule(v.ID)
		var want []NextRun
		for _, repo := range repos {
			a, _ := r.st.Agent(repo.Agent)
			times, _ := timesOf(one, repo.ID, a)
			for f, i := times.Next(r.clock()), 0; i < 6; f, i = times.Next(f.Due), i+1 {
				want = append(want, NextRun{repo.ID, repo.Name, a.Name, f.Due})
			}
		}
		slices.SortFunc(want, func(a, b NextRun) int {
			if c := a.At.Compare(b.At); c != 0 {
				return c
			}
			return int(a.Repository - b.Repository)
		})
		runs, unknown, err := r.s.NextRuns(t.Context(), v.ID, 6)
		must(t, err)
		if diff := cmp.Diff(want, runs); diff != "" || !slices.Equal(unknown, []string{"/nowhere"}) {
			t.Errorf("%s: not known of %v; (-want +got)\n%s", cron, unknown, diff)
		}
	}
}

// TestManyNextRuns: however many repositories there are, an answer ends.
func TestManyNextRuns(t *testing.T) {
	r := newRig(t)
	p := r.agent("host")
	def := nightly("a")
	def.Cron = "0 0 29 2 *"
	v := r.schedule(def, r.many(r.repository(p, "/one"), 2000)...)
	runs, _, err := r.s.NextRuns(t.Context(), v.ID, 100)
	must(t, err)
	if len(runs) != mostNextRuns || !runs[0].At.Equal(runs[len(runs)-1].At) {
		t.Errorf("%d runs, to %s", len(runs), runs[len(runs)-1].At)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := r.s.NextRuns(gone, v.ID, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits for it, and it went on: %v", err)
	}
}
