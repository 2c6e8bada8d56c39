package fleet

import (
	"testing"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestShrunk: what a backup has lost is told until it is back or somebody takes it
// for normal, also after a restart, and also if backups are told of late.
func TestShrunk(t *testing.T) {
	r := newRig(t)
	now := r.clock()
	at := func(day int) time.Time { return now.AddDate(0, 0, day-30) }
	p := r.agent("host")
	repo, other := r.repository(p, "/r"), r.repository(p, "/other")
	p.connect("s1")
	says := func(what string, from, to int64) {
		t.Helper()
		all, err := r.s.Hosts(t.Context(), HostQuery{})
		must(t, err)
		only, err := r.s.Hosts(t.Context(), HostQuery{ShrunkOnly: true})
		must(t, err)
		sum, err := r.s.Summary(t.Context())
		must(t, err)
		n := 0
		for _, h := range all {
			if !h.Shrunk() {
				continue
			}
			if n++; h.Repository != repo.ID || h.Normal.Original != from || h.Good.Original != to {
				t.Errorf("%s: %s shrank from %d to %d, want from %d to %d", what, h.Name, h.Normal.Original, h.Good.Original, from, to)
			}
		}
		if want := map[bool]int{true: 1}[from > 0]; n != want || len(only) != want || sum.Shrunk != want {
			t.Errorf("%s: %d, %d and %d shrank, want %d", what, n, len(only), sum.Shrunk, want)
		}
	}
	accept := func(job int64) error { return errOf(r.s.AcceptSize(t.Context(), repo.ID, job, "ann")) }

	p.made(other, at(1), sized(7))
	p.made(repo, at(1), sized(1000))
	says("the first", 0, 0)
	refusedAs(t, "nothing shrank", accept(0), "not_shrunk")
	p.made(repo, at(3), sized(400))
	says("it shrank", 1000, 400)
	p.made(repo, at(4), func(v *job.Verdict) { v.Status = job.Failed })
	last := p.made(repo, at(5), sized(410))
	says("the next one is as small", 1000, 410)
	p.made(repo, at(2), sized(2000)) // its host was away when it was made
	says("one that is told of late", 2000, 410)
	p.lostAndFound(repo, at(6), 300)
	says("one that was taken for lost", 2000, 300)

	refusedAs(t, "an older one", accept(last.ID), "newer_backup")
	refusedAs(t, "no repository", errOf(r.s.AcceptSize(t.Context(), 99, 0, "ann")), "repository_not_found")
	must(t, accept(0))
	says("accepted", 0, 0)
	p.made(repo, at(7), sized(100))
	says("less again", 300, 100)
	p.made(repo, at(8), sized(200))
	says("back", 0, 0)
}

// lostAndFound is a backup that the controller gives up, and that ends well.
func (p *puppet) lostAndFound(repo store.Repository, at time.Time, size int64) {
	p.t.Helper()
	key, err := job.NewKey()
	must(p.t, err)
	spec := job.Spec{Kind: job.Backup, Repository: repo.Repository, CreatedAt: at, StartDeadline: at.Add(time.Hour), TriggeredBy: job.ByAgent}
	j := p.brings(key, spec, register(1, job.PhaseStarted, ""))
	before := p.rig.clock()
	p.disconnect()
	p.rig.pass(job.LostAfter + time.Hour)
	p.rig.await("it is given up", func() bool { return p.rig.job(j.ID).Verdict != nil })
	p.rig.set(before)
	p.connect("s1", &fleetv1.JobState{Key: key[:], Register: register(1, job.PhaseStarted, ""), Next: 1})
	p.send(&fleetv1.JobReport{Key: key[:], Register: ends(at, at.Add(time.Minute), 0, sized(size))})
	p.rig.await("its true end", func() bool { return p.rig.st.LastJobs(repo.ID).Good.ID == j.ID })
}
