package retention

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// TestSweepsThatAreCutOff: whenever a sweep is stopped, the jobs that are gone are
// counted, each once, and the sweeps that follow end with what the rules say.
func TestSweepsThatAreCutOff(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		defer func() { b.must(b.st.Close()) }() // each as it is done with
		m := aHistory(rt, b)
		policy := Policy{Logs: 30 * day, History: 730 * day}
		want := b.days(rt)
		for range rapid.IntRange(0, 2).Draw(rt, "cuts") {
			b.cutOff(policy, rapid.IntRange(0, 6).Draw(rt, "updates"))
			if rapid.Bool().Draw(rt, "restart") {
				b.reopen()
			}
			if diff := cmp.Diff(want, b.days(rt), cmp.AllowUnexported(history.Tally{})); diff != "" {
				rt.Fatalf("after a sweep that was cut off (-want +got):\n%s", diff)
			}
			for _, j := range m {
				if got, there, _ := b.st.Job(j.ID); there && got.LogGone != !b.logOf(rt, j) && j.LogNext > 1 {
					rt.Fatalf("job %d says that its log is gone: %v", j.ID, got.LogGone)
				}
			}
		}
		b.sweep(policy)
		if diff := cmp.Diff(want, b.days(rt), cmp.AllowUnexported(history.Tally{})); diff != "" {
			rt.Fatalf("in the end (-want +got):\n%s", diff)
		}
		stays := staying(m, ago(policy.History))
		for _, j := range m {
			there, log := b.has(j.ID)
			if there != stays[j.ID] {
				rt.Errorf("job %d (%s %s, %s, of %d) is there: %v", j.ID, j.Spec.Kind, j.Status, j.Spec.CreatedAt, j.Spec.Repository.ID, there)
			}
			old := j.Status.Final() && j.Verdict.EndedAt.Before(ago(policy.Logs))
			if want := there && j.LogNext > 1 && !old; log != want {
				rt.Errorf("job %d has a log: %v, want %v", j.ID, log, want)
			}
		}
		for e, err := range b.st.Entries() {
			if err != nil {
				rt.Fatal(err)
			}
			if e.Key[0] == 'z' {
				rt.Errorf("%q is left", e.Key)
			}
		}
	})
}

func (b *bench) logOf(rt *rapid.T, j job.Job) bool {
	recs, err := b.st.Log(j.ID, 1, 1)
	if err != nil {
		rt.Fatal(err)
	}
	return len(recs) > 0
}

// aHistory makes jobs in their order, some of them steps of the backup before.
func aHistory(rt *rapid.T, b *bench) (m []job.Job) {
	b.update(func(tx *store.Tx) error {
		if err := errors.Join(putRepository(tx, 1), putRepository(tx, 2)); err != nil {
			return err
		}
		age, backup := 900*day, job.Job{}
		for n := rapid.IntRange(1, 60).Draw(rt, "jobs"); n >= 0; n-- {
			age = max(0, age-time.Duration(rapid.IntRange(1, 20*24).Draw(rt, "hours"))*time.Hour)
			o := aJob(rt, age, backup)
			if n == 0 {
				o = one{repository: 3, kind: job.Check, status: job.Completed} // of today: the clock is right
			}
			j, err := b.put(tx, o)
			if err != nil {
				return err
			}
			if m = append(m, j); j.Spec.Kind == job.Backup {
				backup = j
			} else if !j.Spec.Parent.IsZero() {
				backup = job.Job{} // one step of a kind each
			}
		}
		return nil
	})
	return m
}

func aJob(rt *rapid.T, age time.Duration, backup job.Job) one {
	o := one{
		repository: rapid.Int64Range(1, 3).Draw(rt, "repository"), // 3 is not registered
		kind:       rapid.SampledFrom([]job.Kind{job.Backup, job.Backup, job.Prune, job.List}).Draw(rt, "kind"),
		status:     rapid.SampledFrom([]job.Status{job.Running, job.Completed, job.Completed, job.Failed, job.Cancelled}).Draw(rt, "status"),
		ended:      age, lines: rapid.IntRange(0, 3).Draw(rt, "lines"),
	}
	if o.kind == job.Prune && backup.ID != 0 && rapid.Bool().Draw(rt, "step") {
		o.parent, o.repository = backup.Key, backup.Spec.Repository.ID
	}
	return o
}

// staying says by the rules, and without an index, which jobs stay.
func staying(m []job.Job, old time.Time) map[int64]bool {
	stays := map[int64]bool{}
	newest := func(than job.Job, same func(job.Job) bool) bool {
		for _, j := range m {
			if j.ID > than.ID && j.Spec.Repository.ID == than.Spec.Repository.ID && j.Spec.Kind == than.Spec.Kind && same(j) {
				return false
			}
		}
		return same(than)
	}
	for _, j := range m {
		stays[j.ID] = j.Verdict == nil || !j.Verdict.EndedAt.Before(old) ||
			j.Spec.Repository.ID != 3 && (newest(j, func(job.Job) bool { return true }) ||
				newest(j, func(o job.Job) bool { return o.Status.Good() }) ||
				newest(j, func(o job.Job) bool { return o.Status == job.Failed }))
	}
	for _, j := range m {
		for _, step := range m {
			if step.Spec.Parent == j.Key {
				both := stays[j.ID] || stays[step.ID]
				stays[j.ID], stays[step.ID] = both, both
			}
		}
	}
	return stays
}

// cutOff stops a sweep after so many updates.
func (b *bench) cutOff(p Policy, updates int) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	left := updates
	b.st.Observe(func([]store.Changed) {
		if left--; left < 0 {
			stop()
		}
	})
	b.keeper(p).Sweep(ctx)
}

// days sums up all jobs, and those of each repository.
func (b *bench) days(rt *rapid.T) (out [][]history.Tally) {
	for _, f := range []history.Filter{{}, {Repositories: []int64{1}}, {Repositories: []int64{2, 3}}} {
		days, err := b.st.Days(f, history.DateOf(ago(902*day)), 904)
		if err != nil {
			rt.Fatal(err)
		}
		out = append(out, days)
	}
	return out
}
