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

const stolenID = "abababababababababababababababababababababababababababababababab"

// claims has an agent end a list with borg's id as it says.
func (p *puppet) claims(repo store.Repository, id string) {
	p.t.Helper()
	p.announce(job.List, repo, ends(p.rig.clock(), p.rig.clock(), 0, func(v *job.Verdict) { v.Status, v.BorgID = job.Failed, id }), nil)
	if got, _ := p.rig.st.Repository(repo.ID); got.BorgID != id {
		p.t.Fatalf("the id is %q", got.BorgID)
	}
}

// claimed is a victim, and a thief who says that its repository is the victim's.
func claimed(t *testing.T) (r *rig, victim, thief *puppet, theirs, own store.Repository) {
	r = newRig(t)
	victim, thief = r.agent("victim"), r.agent("thief")
	theirs, own = r.repository(victim, "ssh://victim@store/r"), r.repository(thief, "ssh://thief@store/r")
	victim.connect("v")
	thief.connect("t")
	victim.claims(theirs, stolenID)
	thief.claims(own, stolenID)
	return r, victim, thief, theirs, own
}

// prunedSilently is a prune that the agent made up, and whose log never comes.
func (p *puppet) prunedSilently(repo store.Repository, at time.Time) {
	p.t.Helper()
	m := forged(p.t, job.Prune, repo.Repository, job.PhaseStarted, "")
	spec, err := wire.ToSpec(m.Spec)
	must(p.t, err)
	spec.Prune = &job.PruneSpec{Keep: job.Keep{Daily: 1}}
	m.Spec, m.Register = wire.FromSpec(spec), ends(at, at, 5, nil)
	p.send(m)
	p.next("pruned")
}

// listed has the agent tell a list, and waits for that one to be taken in.
func (p *puppet) listed(repo store.Repository, at time.Time, all ...job.Archive) {
	p.t.Helper()
	recs := listing(p.t, all...)
	p.announce(job.List, repo, ends(at, at, len(recs), nil), recs)
	p.rig.await("the list is taken in", func() bool { head, _ := p.rig.st.Catalogue(repo.ID); return head.AsOf.Equal(at) })
}

// idle has the agent fail whatever it has to do.
func (p *puppet) idle() {
	p.t.Helper()
	for active := p.rig.st.Active(p.id); len(active) > 0; active = p.rig.st.Active(p.id) {
		p.send(&fleetv1.JobReport{Key: active[0].Key[:], Register: register(9, job.PhaseStarted, job.Failed)})
		p.next("failed")
	}
}

// TestAClaimedIDHoldsNothing: who says that its repository has the id of
// another's makes nobody wait, with jobs that it made up and with those that it was
// ordered and never ends; nor does it hold back that one's lists and compacts.
func TestAClaimedIDHoldsNothing(t *testing.T) {
	r, victim, thief, theirs, own := claimed(t)
	at := func(minute int) time.Time {
		return r.clock().Add(time.Duration(minute-60) * time.Minute).Truncate(time.Second)
	}
	if !thief.taken(t, forged(t, job.Backup, own.Repository, job.PhaseStarted, "")) {
		t.Fatal("the thief's job was not taken in")
	}
	ordered := r.start(own.Path, "")
	thief.send(&fleetv1.JobReport{Key: ordered.Key[:], Register: register(1, job.PhaseStarted, "")})
	thief.next("started, and never ends")
	if j := r.start(theirs.Path, ""); !j.Sent {
		t.Errorf("the victim waits: %s", r.waiting(j.ID))
	}
	victim.idle()

	_, err := r.maintain(theirs, job.BreakLock)
	wantFault(t, "a lock that may be the thief's", err, "repository_busy", "revoke the agent")

	// An archive that never was, another that is gone, a prune that never tells.
	thief.listed(own, at(2), arch(7), arch(8))
	thief.listed(own, at(3), arch(7))
	thief.prunedSilently(own, at(3))
	victim.listed(theirs, at(4), archs(1, 2)...)
	victim.listed(theirs, at(5), archs(1, 2)...)
	r.wants(theirs, at(5), 1, 2)
	j, err := r.maintain(theirs, job.Compact)
	must(t, err)
	if got := victim.order(j.ID).Expected.GetArchives(); len(got) != 2 {
		t.Errorf("the victim's host is to find %v", got)
	}
	recs := listing(t, arch(1))
	thief.announce(job.Compact, own, ends(time.Time{}, at(6), len(recs), func(v *job.Verdict) {
		v.Status, v.ErrorCode, v.StartedAt = job.Failed, job.CodeArchivesVanished, time.Time{}
	}), recs)
	r.await("it is read", func() bool {
		return !slices.ContainsFunc(r.st.NewLists(), func(l store.NewList) bool {
			j, _, _ := r.st.Job(l.Job)
			return j.Spec.Kind == job.Compact
		})
	})
	r.wantsGone("a compact that a thief made up misses one", theirs)
	for _, j := range r.st.Active(victim.id) {
		if listsArchives(j.Spec) {
			t.Errorf("the victim is to list, for a thief's prune: job %d", j.ID)
		}
	}
	victim.idle()
	_, err = r.s.RevokeAgent(t.Context(), "thief", "test")
	must(t, err)
	_, err = r.maintain(theirs, job.BreakLock)
	must(t, err)
}

// TestAClaimedMaintainer: an id that a thief claims makes its own maintainer none
// of the victim's, and a person who names one hears that two hosts claim it.
func TestAClaimedMaintainer(t *testing.T) {
	r, victim, _, theirs, own := claimed(t)
	keeper := r.agent("keeper")
	kept := r.repository(keeper, "/srv/r")
	keeper.connect("k")
	keeper.claims(kept, stolenID)
	for _, repo := range []store.Repository{theirs, own} {
		err := r.names(repo, "keeper")
		wantFault(t, repo.Path, err, "maintainer_doubtful", "victim", "thief", stolenID)
	}
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error {
		named, _ := tx.Repository(own.ID) // by a controller that did not ask
		named.Maintainer = keeper.id
		return tx.PutRepository(named)
	}))
	at := func(minute int) time.Time {
		return r.clock().Add(time.Duration(minute-60) * time.Minute).Truncate(time.Second)
	}
	victim.lists(theirs, at(1), archs(1, 2)...)
	victim.prunes(theirs, at(2), job.Completed, arch(1))
	victim.lists(theirs, at(3), arch(2))
	r.wantsGone("the victim's own prune", theirs)

	_, err := r.s.RevokeAgent(t.Context(), "thief", "test")
	must(t, err)
	must(t, r.names(theirs, "keeper"))
	victim.idle()
	backup := r.start(theirs.Path, "")
	if check, err := r.maintain(theirs, job.Check); err != nil || check.Agent != keeper.id || r.waiting(check.ID) != fmt.Sprintf("repository busy (job %d)", backup.ID) {
		t.Errorf("%+v waits for %q, %v", check, r.waiting(check.ID), err)
	}
}

// TestMadeUpJobs: where a person has given two agents one repository, what one of
// them makes up holds the other back no longer than borg's own lock does.
func TestMadeUpJobs(t *testing.T) {
	r := newRig(t)
	victim, thief := r.agent("victim"), r.agent("thief")
	const path = "ssh://bk@store/shared"
	theirs, own := r.repository(victim, path), r.repository(thief, path)
	victim.connect("v")
	thief.connect("t")
	at := func(minute int) time.Time {
		return r.clock().Add(time.Duration(minute-60) * time.Minute).Truncate(time.Second)
	}
	made := forged(t, job.Backup, own.Repository, job.PhaseStarted, "")
	if !thief.taken(t, made) {
		t.Fatal("not taken in")
	}
	if j := r.start(path, "victim"); !j.Sent {
		t.Errorf("the victim waits: %s", r.waiting(j.ID))
	}
	victim.idle()
	for range 20 { // each with words that never come
		thief.prunedSilently(own, at(1))
		thief.announce(job.List, own, ends(at(1), at(1), 5, nil), nil)
	}
	if n := len(r.st.Active(victim.id)); n > 2 {
		t.Errorf("the victim has %d lists to make for prunes that nobody asked for", n)
	}
	victim.listed(theirs, at(2), archs(1, 2)...)
	victim.idle()
	j, err := r.maintain(theirs, job.Compact)
	must(t, err)
	if !r.job(j.ID).Sent {
		t.Errorf("the victim's compact waits: %s", r.waiting(j.ID))
	}
	victim.idle()

	// A prune that a person ordered is waited for, and not for ever.
	j, err = r.s.Maintain(t.Context(), MaintenanceRequest{Kind: job.Prune, Repository: own.ID, By: "test", Prune: &job.PruneSpec{Keep: job.Keep{Daily: 1}}})
	must(t, err)
	thief.send(&fleetv1.JobReport{Key: j.Key[:], Register: ends(r.clock(), r.clock(), 5, nil)})
	thief.next("the verdict, and no log")
	late := listing(t, arch(1))
	victim.announce(job.List, theirs, ends(at(3), at(3), len(late), nil), late)
	r.s.takeInLists(t.Context())
	if got, _ := r.known(theirs); len(got) != 2 {
		t.Errorf("the list did not wait for the prune: %v", got)
	}
	r.pass(wordsDue + time.Minute)
	r.await("the list waits no longer", func() bool { got, _ := r.known(theirs); return len(got) == 1 })
}

// TestOrderedJobsHoldASharedPlace: between agents a job that the controller made
// is waited for.
func TestOrderedJobsHoldASharedPlace(t *testing.T) {
	r := newRig(t)
	a, b := r.agent("a"), r.agent("b")
	const path = "ssh://bk@store/shared"
	r.repository(a, path)
	r.repository(b, path)
	a.connect("a")
	b.connect("b")
	first := r.start(path, "a")
	a.send(&fleetv1.JobReport{Key: first.Key[:], Register: register(1, job.PhaseStarted, "")})
	a.next("started")
	if second := r.start(path, "b"); second.Sent || !strings.HasPrefix(r.waiting(second.ID), "repository busy") {
		t.Errorf("it waits for %q", r.waiting(second.ID))
	}
}
