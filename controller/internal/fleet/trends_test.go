package fleet

import (
	"testing"
	"time"

	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// made has the agent tell of a backup that it made at a moment, in ten minutes.
func (p *puppet) made(repo store.Repository, at time.Time, change func(*job.Verdict)) job.Job {
	p.t.Helper()
	key, err := job.NewKey()
	must(p.t, err)
	spec := job.Spec{Kind: job.Backup, Repository: repo.Repository, CreatedAt: at, StartDeadline: at.Add(time.Hour), TriggeredBy: job.ByAgent}
	j := p.brings(key, spec, ends(at, at.Add(10*time.Minute), 0, change))
	p.rig.await("the index", func() bool {
		day, err := p.rig.st.Days(history.Filter{Repositories: []int64{repo.ID}, Since: at, Until: at.Add(1)}, history.DateOf(at), 1)
		return err == nil && day[0].Of(j.Status) > 0
	})
	return j
}

// sized is the size of what a backup read.
func sized(n int64) func(*job.Verdict) {
	return func(v *job.Verdict) { v.Progress.OriginalSize, v.Progress.DedupSize = n, n/10 }
}

// TestTrends sums up by day in UTC what was asked for, and nothing else; a day
// without a job is there.
func TestTrends(t *testing.T) {
	r := newRig(t)
	today := r.clock().UTC().Truncate(24 * time.Hour)
	r.set(today.Add(20 * time.Hour))
	a, b := r.agent("a"), r.agent("b")
	one, two, other := r.repository(a, "/one"), r.repository(a, "/two"), r.repository(b, "/other")
	a.connect("s1")
	b.connect("s2")
	at := func(day, hour int) time.Time { return today.AddDate(0, 0, day).Add(time.Duration(hour) * time.Hour) }
	a.made(one, at(-2, 0), sized(100))
	a.made(one, at(-2, 23), sized(50))
	a.made(two, at(-2, 5), func(v *job.Verdict) { v.Status = job.Failed })
	b.made(other, at(0, 1), sized(7))
	a.made(one, at(-3, 23), sized(1000)) // too old for three days
	lost := r.start("/two", a.id)
	began := job.Register{Incarnation: 1, Version: 1, Phase: job.PhaseStarted, StartedAt: r.clock()}
	a.send(&fleetv1.JobReport{Key: lost.Key[:], Register: wire.FromRegister(began)})
	r.await("it runs", func() bool { return !r.job(lost.ID).StartedAt().IsZero() })
	a.disconnect()
	r.pass(job.LostAfter + time.Hour)
	r.await("it is lost", func() bool { return r.job(lost.ID).Verdict != nil })

	days := func(q TrendQuery) []history.Tally {
		t.Helper()
		if q.Days == 0 {
			q.Days = 3
		}
		now := history.DateOf(r.clock())
		q.Days += int(now - history.DateOf(today)) // the clock went on
		got, err := r.s.Trends(t.Context(), q)
		must(t, err)
		if len(got.Days) != q.Days || got.First+history.Date(q.Days-1) != now {
			t.Fatalf("%d days from %s", len(got.Days), got.First)
		}
		return got.Days[:3]
	}
	all := days(TrendQuery{Kinds: []job.Kind{job.Backup}})
	if d := all[0]; d.Jobs() != 3 || d.Of(job.Completed) != 2 || d.Of(job.Failed) != 1 || d.Original != 150 || d.Dedup != 15 || d.Timed != 3 || d.Seconds != 1800 {
		t.Errorf("%+v", d)
	}
	if all[1] != (history.Tally{}) {
		t.Errorf("nothing was done on this day: %+v", all[1])
	}
	if d := all[2]; d.Jobs() != 2 || d.Original != 7 || d.Of(job.Failed) != 1 || d.Timed != 1 {
		t.Errorf("how long a lost one took is not known: %+v", d)
	}
	for what, c := range map[string]struct {
		q    TrendQuery
		want [3]int64
	}{
		"an agent":              {TrendQuery{Agent: "a"}, [3]int64{3, 0, 1}},
		"a repository":          {TrendQuery{Repository: "/one"}, [3]int64{2, 0, 0}},
		"another kind":          {TrendQuery{Kinds: []job.Kind{job.Prune}}, [3]int64{}},
		"a label that none has": {TrendQuery{Label: "role=db"}, [3]int64{}},
	} {
		for i, d := range days(c.q) {
			if d.Jobs() != c.want[i] {
				t.Errorf("%s: %d jobs on day %d, want %d", what, d.Jobs(), i, c.want[i])
			}
		}
	}
	got, err := r.s.Trends(WithScope(t.Context(), &store.Scope{Agents: []string{b.id}}), TrendQuery{Days: 800})
	must(t, err)
	var sum history.Tally
	for _, d := range got.Days {
		sum = sum.Plus(d)
	}
	if sum.Jobs() != 1 || sum.Original != 7 {
		t.Errorf("a token for b sees %+v", sum)
	}
	_, err = r.s.Trends(t.Context(), TrendQuery{Agent: "nobody", Days: 3})
	refusedAs(t, "nobody", err, "invalid_request")
	_, err = r.s.Trends(t.Context(), TrendQuery{Repository: "/nothing", Days: 3})
	refusedAs(t, "nothing", err, "invalid_request")
}
