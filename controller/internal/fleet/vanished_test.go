package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// gone are the numbers of a repository's vanished archives. They are counted as well:
// what is counted is another read, between which and this one a list may be taken in.
func (r *rig) gone(repo store.Repository) (got []int) {
	r.t.Helper()
	r.await("as many are counted as have vanished", func() bool {
		all, err := r.s.vanished(repo.ID)
		must(r.t, err)
		got = []int{}
		for _, a := range all {
			var n int
			if _, err := fmt.Sscanf(a.ID, "%x", &n); err != nil {
				r.t.Fatal(err)
			}
			got = append(got, n)
		}
		v, err := r.s.Repository(r.t.Context(), repo.ID)
		must(r.t, err)
		return v.Vanished == int64(len(got))
	})
	return got
}

func (r *rig) wantsGone(what string, repo store.Repository, ns ...int) {
	r.t.Helper()
	if got := r.gone(repo); !slices.Equal(got, ns) && len(got)+len(ns) > 0 {
		r.t.Errorf("%s: %v have vanished, want %v", what, got, ns)
	}
}

// prunes has the agent tell a prune that removed archives.
func (p *puppet) prunes(repo store.Repository, begun time.Time, status job.Status, removed ...job.Archive) {
	p.t.Helper()
	recs := listing(p.t, removed...)
	key, err := job.NewKey()
	must(p.t, err)
	spec := wire.FromSpec(job.Spec{Kind: job.Prune, Repository: repo.Repository, CreatedAt: p.rig.clock(), StartDeadline: p.rig.clock().Add(time.Hour),
		TriggeredBy: job.ByAgent, Prune: &job.PruneSpec{Keep: job.Keep{Daily: 1}}})
	reg := ends(begun, begun.Add(time.Second), len(recs), func(v *job.Verdict) { v.Status = status })
	p.send(&fleetv1.JobReport{Key: key[:], Spec: spec, Register: reg, First: 1, Records: recs})
	p.next("pruned")
	p.rig.taken()
}

// TestVanished: what is gone, and no prune of ours removed it, is kept as such
// until it is back or a person says that it was meant.
func TestVanished(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1, 2, 3, 4)...)
	a.lists(repo, at(2), archs(1, 2)...)
	r.wants(repo, at(2), 1, 2)
	r.wantsGone("after a list without them", repo, 3, 4)

	list, err := r.s.Archives(t.Context(), ArchiveQuery{Repository: "/r"})
	must(t, err)
	if len(list.Vanished) != 2 || list.Vanished[0].Name != arch(3).Name || list.Vanished[0].VanishedAt.IsZero() || len(list.Archives) != 2 {
		t.Errorf("%+v", list)
	}
	_, err = r.maintain(repo, job.Compact)
	refusedAs(t, "compact", err, job.CodeArchivesVanished)
	if err == nil || !strings.Contains(err.Error(), arch(3).Name) || !strings.Contains(err.Error(), arch(4).Name) {
		t.Errorf("it does not name them: %v", err)
	}

	// One comes back, one is acknowledged by its id; what has not vanished cannot be.
	a.lists(repo, at(3), archs(1, 2, 3)...)
	r.wants(repo, at(3), 1, 2, 3)
	r.wantsGone("one is back", repo, 4)
	_, err = r.s.AcknowledgeVanished(t.Context(), repo.ID, []string{arch(1).Name}, "test")
	refusedAs(t, "acknowledge what is there", err, "archive_not_vanished")
	done, err := r.s.AcknowledgeVanished(t.Context(), repo.ID, []string{arch(4).ID}, "test")
	if err != nil || len(done.Archives) != 1 || done.Remaining != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	r.wantsGone("acknowledged", repo)
	r.wants(repo, at(3), 1, 2, 3)
	if _, err := r.maintain(repo, job.Compact); err != nil {
		t.Error(err)
	}
	_, err = r.s.AcknowledgeVanished(t.Context(), 99, nil, "test")
	refusedAs(t, "no such repository", err, "repository_not_found")
}

// TestSameNameOtherID is another archive: the first one has vanished.
func TestSameNameOtherID(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1, 2)...)
	other := arch(9)
	other.Name = arch(2).Name
	a.lists(repo, at(2), arch(1), other)
	r.wants(repo, at(2), 1, 9)
	r.wantsGone("replaced under its name", repo, 2)
}

// TestPrunedByUs: what our prunes removed has not vanished, however they ended.
// What one named and did not remove may vanish later like any other.
func TestPrunedByUs(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1, 2, 3, 4)...)
	a.prunes(repo, at(2), job.Completed, archs(1, 2)...)
	a.lists(repo, at(3), archs(3, 4)...)
	r.wants(repo, at(3), 3, 4)
	r.wantsGone("after a prune", repo)

	a.prunes(repo, at(4), job.Cancelled, archs(3)...)
	a.lists(repo, at(5), archs(3, 4)...) // borg took it back
	r.wants(repo, at(5), 3, 4)
	a.lists(repo, at(6), archs(4)...)
	r.wantsGone("long after a prune that took its word back", repo, 3)
}

// TestPruneThatTellsLate: a list waits for what a prune has to say, and not for
// that of a host that is away; it counts when it comes.
func TestPruneThatTellsLate(t *testing.T) {
	r := newRig(t)
	a, b := r.agent("a"), r.agent("b")
	one, two := r.repository(a, "ssh://h/r"), r.repository(b, "ssh://h/r")
	one.MatchArchives = "*/*" // its prunes are of all archives there
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error { return tx.PutRepository(one) }))
	a.connect("s1")
	b.connect("s2")
	at := func(minute int) time.Time {
		return r.clock().Add(time.Duration(minute-60) * time.Minute).Truncate(time.Second)
	}
	a.lists(one, at(1), archs(1, 2)...)
	b.lists(two, at(1), archs(1, 2)...)

	j, err := r.s.Maintain(t.Context(), MaintenanceRequest{Kind: job.Prune, Repository: one.ID, By: "test", Prune: &job.PruneSpec{Keep: job.Keep{Daily: 1}}})
	must(t, err)
	recs := listing(t, arch(1))
	a.send(&fleetv1.JobReport{Key: j.Key[:], Register: ends(at(2), at(2), len(recs), nil)})
	a.next("the verdict overtakes the log")
	late := listing(t, arch(2))
	b.announce(job.List, two, ends(at(3), at(3), len(late), nil), late)
	r.s.takeInLists(t.Context())
	r.wants(two, at(1), 1, 2)
	r.wantsGone("while the prune has not told", two)
	a.send(&fleetv1.JobReport{Key: j.Key[:], First: 1, Records: recs})
	a.next("the log")
	r.await("the list is taken in", func() bool { got, _ := r.known(two); return slices.Equal(got, []int{2}) })
	r.wantsGone("the other host's list", two)

	// The same with a host that is away: its word comes too late, and counts.
	a.lists(one, at(4), archs(2)...)
	j, err = r.s.Maintain(t.Context(), MaintenanceRequest{Kind: job.Prune, Repository: one.ID, By: "test", Prune: &job.PruneSpec{Keep: job.Keep{Daily: 1}}})
	must(t, err)
	recs = listing(t, arch(2))
	a.send(&fleetv1.JobReport{Key: j.Key[:], Register: ends(at(5), at(5), len(recs), nil)})
	a.next("the verdict")
	a.disconnect()
	r.pass(time.Hour)
	late = listing(t)
	b.announce(job.List, two, ends(at(6), at(6), len(late), nil), late)
	r.await("nobody waits for a host that is away", func() bool { return slices.Equal(r.gone(two), []int{2}) })
	a.connect("s1", &fleetv1.JobState{Key: j.Key[:], Id: j.ID, Register: ends(at(5), at(5), len(recs), nil), Next: uint64(len(recs) + 1)})
	a.send(&fleetv1.JobReport{Key: j.Key[:], First: 1, Records: recs})
	r.await("its word counts", func() bool { return len(r.gone(two)) == 0 })
}

// TestCompactOrder names what must be there, when it is sent: nothing that is
// removed on purpose, and everything that any registration knows.
func TestCompactOrder(t *testing.T) {
	r := newRig(t)
	a, b := r.agent("a"), r.agent("b")
	one, two := r.repository(a, "ssh://h/r"), r.repository(b, "ssh://h/r")
	one.MatchArchives = "*/*" // its prunes are of all archives there
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error { return tx.PutRepository(one) }))
	a.connect("s1")
	b.connect("s2")
	_, err := r.maintain(one, job.Compact)
	refusedAs(t, "nothing is known of the archives", err, "catalogue_unknown")
	at := func(minute int) time.Time {
		return r.clock().Add(time.Duration(minute-60) * time.Minute).Truncate(time.Second)
	}
	a.lists(one, at(1), archs(1, 2)...)
	b.lists(two, at(1), archs(1, 2)...)
	b.backs(two, at(2), arch(3), true)
	a.prunes(one, at(3), job.Completed, arch(1))

	j, err := r.maintain(one, job.Compact)
	must(t, err)
	if waits := r.waiting(j.ID); !strings.HasPrefix(waits, waitListed) && !strings.HasPrefix(waits, "repository busy") {
		t.Errorf("beside the list after the prune it waits for %q", waits)
	}
	for r.endsLists(a, b) {
	}
	var names []string
	for _, x := range a.order(j.ID).Expected.GetArchives() {
		names = append(names, x.Name)
	}
	if slices.Sort(names); !slices.Equal(names, []string{arch(2).Name, arch(3).Name}) {
		t.Errorf("it names %v", names)
	}
}

// TestCompactLetsTheListGoFirst that is to run at its host, though it was asked
// for later: what a prune took back is not known before.
func TestCompactLetsTheListGoFirst(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1, 2)...)
	a.disconnect()
	compact, err := r.maintain(repo, job.Compact)
	must(t, err)
	told := func(job.Job, string) bool { return true }
	if why := untold(r.st, compact, told).told(nil); why != "" {
		t.Errorf("with nothing to be listed: %s", why)
	}
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error {
		_, err := r.s.order(tx, repo.ID, job.List, "test", nil)
		return err
	}))
	if why := untold(r.st, compact, told).told(nil); !strings.HasPrefix(why, waitListed) {
		t.Errorf("beside a list that is to run it waits for %q", why)
	}
}

// endsLists has the agents fail every list that they were sent, so that nothing
// is learned from it; it says whether there was one.
func (r *rig) endsLists(agents ...*puppet) (any bool) {
	r.t.Helper()
	for _, p := range agents {
		for _, j := range r.st.Active(p.id) {
			if listsArchives(j.Spec) && j.Sent {
				any = true
				p.send(&fleetv1.JobReport{Key: j.Key[:], Register: register(5, job.PhaseStarted, job.Failed)})
				p.next("list failed")
			}
		}
	}
	return any
}

// TestCompactFindsThem: the host that is to compact looks itself, and what it
// misses has vanished, whatever the lists say.
func TestCompactFindsThem(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1, 2, 3)...)
	j, err := r.maintain(repo, job.Compact)
	must(t, err)
	if got := len(a.order(j.ID).Expected.GetArchives()); got != 3 {
		t.Errorf("%d archives are expected", got)
	}
	recs := listing(t, archs(2)...)
	reg := ends(time.Time{}, at(2), len(recs), func(v *job.Verdict) {
		v.Status, v.ErrorCode, v.StartedAt = job.Failed, job.CodeArchivesVanished, time.Time{}
	})
	a.send(&fleetv1.JobReport{Key: j.Key[:], Register: reg, First: 1, Records: recs})
	a.next("ended")
	r.taken()
	r.wants(repo, at(1), 1, 3)
	r.wantsGone("missed by the compact", repo, 2)
	_, err = r.maintain(repo, job.Compact)
	refusedAs(t, "compact", err, job.CodeArchivesVanished)
	if active := r.st.Active(a.id); len(active) != 1 || !listsArchives(active[0].Spec) {
		t.Errorf("no list follows: %+v", active)
	}
}

// TestWaitingCompact does not start once something has vanished.
func TestWaitingCompact(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1, 2)...)
	busy := r.start("/r", "")
	j, err := r.maintain(repo, job.Compact)
	must(t, err)
	a.lists(repo, at(2), archs(1)...)
	a.send(&fleetv1.JobReport{Key: busy.Key[:], Register: register(9, job.PhaseStarted, job.Failed)})
	a.next("the backup has failed")
	if j = r.job(j.ID); j.Sent || r.waiting(j.ID) != waitVanished {
		t.Errorf("sent %v, it waits for %q", j.Sent, r.waiting(j.ID))
	}
	_, err = r.s.AcknowledgeVanished(t.Context(), repo.ID, nil, "test")
	must(t, err)
	r.pass(time.Second)
	if j = r.job(j.ID); !j.Sent {
		t.Errorf("acknowledged, and it waits for %q", r.waiting(j.ID))
	}
}
