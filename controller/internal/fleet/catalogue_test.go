package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

func arch(n int) job.Archive {
	return job.Archive{Name: fmt.Sprintf("a-/r-%03d", n), ID: fmt.Sprintf("%064x", n), Start: time.Unix(int64(n), 0).UTC()}
}

func archs(ns ...int) (out []job.Archive) {
	for _, n := range ns {
		out = append(out, arch(n))
	}
	return out
}

// listing is the journal of a list, with a line for people before and after.
func listing(t *testing.T, all ...job.Archive) []*fleetv1.Record {
	t.Helper()
	out := records(1, "listing")
	for _, a := range all {
		data, err := wire.EncodeArchive(a)
		if err != nil {
			t.Fatal(err)
		}
		r := records(uint64(len(out)+1), a.Name)[0]
		r.Data = data
		out = append(out, r)
	}
	return append(out, records(uint64(len(out)+1), "done")...)
}

// ends is the register of a job that ended well. change may be nil.
func ends(begun, ended time.Time, logged int, change func(*job.Verdict)) *fleetv1.Register {
	v := &job.Verdict{Status: job.Completed, StartedAt: begun, EndedAt: ended, JournalEnd: uint64(logged)}
	if change != nil {
		change(v)
	}
	return wire.FromRegister(job.Register{Incarnation: 1, Version: 9, Phase: job.PhaseStarted, StartedAt: begun, Verdict: v})
}

// announce gives the controller a job that the agent made itself.
func (p *puppet) announce(kind job.Kind, repo store.Repository, reg *fleetv1.Register, recs []*fleetv1.Record) *fleetv1.JobAnswer {
	p.t.Helper()
	key, err := job.NewKey()
	if err != nil {
		p.t.Fatal(err)
	}
	spec := wire.FromSpec(job.Spec{Kind: kind, Repository: repo.Repository, CreatedAt: p.rig.clock(), StartDeadline: p.rig.clock().Add(time.Hour), TriggeredBy: job.ByAgent})
	p.send(&fleetv1.JobReport{Key: key[:], Spec: spec, Register: reg, First: 1, Records: recs})
	return p.next("announced")
}

// lists has the agent tell a list of all that began at a moment.
func (p *puppet) lists(repo store.Repository, begun time.Time, all ...job.Archive) {
	p.t.Helper()
	recs := listing(p.t, all...)
	p.announce(job.List, repo, ends(begun, begun.Add(time.Second), len(recs), nil), recs)
	p.rig.taken()
}

// taken waits until no list waits for the catalogue.
func (r *rig) taken() {
	r.t.Helper()
	r.await("lists taken in", func() bool { return len(r.st.NewLists()) == 0 })
}

// backs has the agent tell a backup that made an archive.
func (p *puppet) backs(repo store.Repository, ended time.Time, a job.Archive, undisturbed bool) int64 {
	p.t.Helper()
	return p.announce(job.Backup, repo, made(ended, a, undisturbed), nil).Id
}

func made(ended time.Time, a job.Archive, undisturbed bool) *fleetv1.Register {
	return ends(ended.Add(-time.Minute), ended, 0, func(v *job.Verdict) {
		v.ArchiveID, v.ArchiveName, v.Undisturbed = a.ID, a.Name, undisturbed
		v.Progress = job.Progress{OriginalSize: 1000, NFiles: 7}
	})
}

// known is what the catalogue has: the numbers of the archives, and as_of.
func (r *rig) known(repo store.Repository) ([]int, time.Time) {
	r.t.Helper()
	var got []int
	head, _, err := r.st.ReadCatalogue(repo.ID, func(a Archive) bool {
		var n int
		if _, err := fmt.Sscanf(a.ID, "%x", &n); err != nil {
			r.t.Fatal(err)
		}
		got = append(got, n)
		return true
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if head.Archives != int64(len(got)) {
		r.t.Errorf("%d archives are counted, %d are there", head.Archives, len(got))
	}
	return got, head.AsOf
}

func (r *rig) wants(repo store.Repository, asOf time.Time, ns ...int) {
	r.t.Helper()
	got, at := r.known(repo)
	if !slices.Equal(got, ns) || !at.Equal(asOf) {
		r.t.Errorf("archives %v as of %s; want %v as of %s", got, at, ns, asOf)
	}
}

func catalogueRig(t *testing.T) (*rig, *puppet, store.Repository, func(int) time.Time) {
	r := newRig(t)
	a := r.agent("a")
	repo := r.repository(a, "/r")
	a.connect("s1")
	start := r.clock().Add(-time.Hour).UTC().Truncate(time.Second)
	return r, a, repo, func(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }
}

// TestListsReplaceTheCatalogue, and keep what is known of an archive that stays.
func TestListsReplaceTheCatalogue(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	r.wants(repo, time.Time{})
	a.lists(repo, at(1), archs(1, 2)...)
	r.wants(repo, at(1), 1, 2)
	id := a.backs(repo, at(3), arch(3), false)
	r.wants(repo, at(1), 1, 2, 3)
	a.lists(repo, at(5), archs(2, 3, 4)...)
	r.wants(repo, at(5), 2, 3, 4)
	list, err := r.s.Archives(t.Context(), ArchiveQuery{Repository: "/r"})
	if err != nil {
		t.Fatal(err)
	}
	if got := list.Archives[1]; got.Job != id || got.OriginalSize != 1000 || got.NFiles != 7 || !got.Start.Equal(arch(3).Start) {
		t.Errorf("%+v", got)
	}
	a.lists(repo, at(6))
	r.wants(repo, at(6))
}

// TestAListIsTrueAtItsBeginning: what a job made after that stays, what was
// there before goes, an older list changes nothing.
func TestAListIsTrueAtItsBeginning(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1)...)
	a.backs(repo, at(2), arch(2), false)
	a.backs(repo, at(6), arch(6), false)
	a.lists(repo, at(4), archs(1, 4)...)
	r.wants(repo, at(4), 1, 4, 6)
	a.lists(repo, at(3), archs(9)...)
	r.wants(repo, at(4), 1, 4, 6)
	a.lists(repo, at(4), archs(9)...)
	r.wants(repo, at(4), 1, 4, 6)
}

// TestUndisturbedBackupsKeepItFresh, but only where the agent cannot know more
// than it has told.
func TestUndisturbedBackupsKeepItFresh(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.backs(repo, at(0), arch(0), true)
	r.wants(repo, time.Time{}, 0) // nothing is known of the others
	a.lists(repo, at(1), archs(0, 1)...)
	a.backs(repo, at(2), arch(2), true)
	r.wants(repo, at(2), 0, 1, 2)
	a.backs(repo, at(3), arch(3), false)
	r.wants(repo, at(2), 0, 1, 2, 3)

	// A list has ended on the agent, and its log is on its way: the catalogue
	// must not pass for one that is newer than it.
	recs := listing(t, archs(1, 2, 3)...)
	answer := a.announce(job.List, repo, ends(at(4), at(5), len(recs), nil), recs[:2])
	a.backs(repo, at(6), arch(6), true)
	r.wants(repo, at(2), 0, 1, 2, 3, 6)
	a.send(&fleetv1.JobReport{Key: answer.Key, Register: ends(at(4), at(5), len(recs), nil), First: 3, Records: recs[2:]})
	a.next("the rest")
	r.taken()
	r.wants(repo, at(4), 1, 2, 3, 6)

	// A job that still runs for the controller may have ended on the agent.
	a.announce(job.List, repo, register(1, job.PhaseStarted, ""), nil)
	a.backs(repo, at(8), arch(8), true)
	r.wants(repo, at(4), 1, 2, 3, 6, 8)
}

// TestAListAfterItsSuccessor: an undisturbed backup moved as_of past a list that
// the controller did not know of. The list is taken in all the same.
func TestAListAfterItsSuccessor(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1, 2)...)
	a.backs(repo, at(5), arch(5), true)
	a.lists(repo, at(3), archs(2)...)
	r.wants(repo, at(5), 2, 5)
}

// TestLateVerdicts neither bring back what a list knows to be gone, nor are lost
// for having overtaken one another.
func TestLateVerdicts(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1))
	a.backs(repo, at(4), arch(4), true)
	a.backs(repo, at(3), arch(3), true)
	r.wants(repo, at(4), 3, 4)
	a.lists(repo, at(9), archs(4)...)
	a.backs(repo, at(8), arch(8), true)
	a.backs(repo, at(7), arch(4), false) // twice, under another job
	r.wants(repo, at(9), 4)
}

// TestOnlyGoodBackupsHaveAnArchive that is told in borg's form.
func TestOnlyGoodBackupsHaveAnArchive(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1))
	for _, change := range []func(*job.Verdict){
		func(v *job.Verdict) { v.Status = job.Failed },
		func(v *job.Verdict) { v.ArchiveID = "" },
		func(v *job.Verdict) { v.ArchiveID = strings.Repeat("/", 64) },
	} {
		a.announce(job.Backup, repo, ends(at(2), at(3), 0, func(v *job.Verdict) {
			v.ArchiveID, v.ArchiveName, v.Undisturbed = arch(3).ID, arch(3).Name, true
			change(v)
		}), nil)
	}
	r.wants(repo, at(1))
}

// TestUnfitListsChangeNothing: one with a hole would remove what is there.
func TestUnfitListsChangeNothing(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1, 2)...)
	hole := listing(t, archs(1, 3)...)
	hole[2].Gap = &fleetv1.Gap{Count: 3, Reason: "no room"}
	bad := listing(t, job.Archive{Name: "x", ID: "x"})
	garbage := listing(t, archs(5)...)
	garbage[1].Data = []byte("garbage")
	for _, recs := range [][]*fleetv1.Record{hole, bad, garbage} {
		a.announce(job.List, repo, ends(at(4), at(5), len(recs), nil), recs)
		r.taken()
		r.wants(repo, at(1), 1, 2)
	}
	recs := listing(t, archs(7)...)
	a.announce(job.List, repo, ends(at(6), at(7), len(recs), func(v *job.Verdict) { v.Status = job.Failed }), recs)
	a.announce(job.List, repo, ends(at(6), at(7), len(recs)+5, nil), recs) // the rest never comes
	r.wants(repo, at(1), 1, 2)
	key, _ := job.NewKey()
	spec := wire.FromSpec(job.Spec{Kind: job.List, Repository: repo.Repository, CreatedAt: at(8), StartDeadline: at(9), TriggeredBy: job.ByAgent, List: &job.ListSpec{Archive: "x"}})
	a.send(&fleetv1.JobReport{Key: key[:], Spec: spec, Register: ends(at(8), at(9), len(recs), nil), First: 1, Records: recs})
	a.next("a folder")
	if n := len(r.st.NewLists()); n != 1 {
		t.Errorf("%d lists wait, want the one without its end", n)
	}
	r.wants(repo, at(1), 1, 2)
}

// loses has the agent's state replaced after a list whose log never came.
func (p *puppet) loses(repo store.Repository, begun time.Time) {
	p.t.Helper()
	recs := listing(p.t, archs(1)...)
	p.announce(job.List, repo, ends(begun, begun.Add(time.Second), len(recs), nil), recs[:1])
	p.disconnect()
	p.connect("another state")
}

// TestAListWhoseLogIsLost is made once more. Until that is known, no backup may
// pass the catalogue for newer than what was lost.
func TestAListWhoseLogIsLost(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1)...)
	a.loses(repo, at(2))
	var again job.Job
	for _, j := range r.st.ActiveJobs() {
		again = j
	}
	if again.Spec.Kind != job.List || again.Spec.Repository.ID != repo.ID {
		t.Fatalf("no list was ordered: %+v", again)
	}
	a.order(again.ID)
	a.backs(repo, at(3), arch(3), true)
	r.wants(repo, at(1), 1, 3)
	a.disconnect()
	a.connect("another state")
	if n := len(r.st.ActiveJobs()); n != 1 {
		t.Errorf("%d lists are to be made", n)
	}
	recs := listing(t, archs(3)...)
	a.send(&fleetv1.JobReport{Key: again.Key[:], Register: ends(at(4), at(5), len(recs), nil), First: 1, Records: recs})
	a.next("the list once more")
	r.taken()
	r.wants(repo, at(4), 3)
	a.backs(repo, at(6), arch(6), true)
	r.wants(repo, at(6), 3, 6)
}

// TestListsThatNobodyWaitsFor: one that came to nothing does not hold as_of back
// once a newer one was taken in, or once its repository is gone.
func TestListsThatNobodyWaitsFor(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1)...)
	recs := listing(t, archs(1)...)
	stuck := func() {
		a.announce(job.List, repo, ends(at(2), at(3), len(recs), nil), recs[:1])
		if len(r.st.NewLists()) != 1 {
			t.Error("the list is not waited for")
		}
	}
	stuck()
	a.lists(repo, at(20), archs(1)...)
	a.backs(repo, at(30), arch(2), true)
	r.wants(repo, at(30), 1, 2)
	repo = r.repository(a, "/other")
	stuck()
	must(t, r.s.DeleteRepository(t.Context(), repo.ID))
	r.taken()
}

// TestAClockThatWasAhead does not make the catalogue true for ever.
func TestAClockThatWasAhead(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1)...)
	year := r.clock().Add(365 * 24 * time.Hour)
	a.lists(repo, year, archs(1, 2)...)
	if got, asOf := r.known(repo); len(got) != 2 || asOf.After(r.clock()) {
		t.Fatalf("%v as of %s", got, asOf)
	}
	a.backs(repo, year.Add(time.Minute), arch(3), true)
	if _, asOf := r.known(repo); asOf.After(r.clock()) {
		t.Fatalf("as of %s", asOf)
	}
	r.pass(time.Hour)
	a.lists(repo, r.clock().Add(-time.Minute), archs(2)...)
	if got, _ := r.known(repo); !slices.Equal(got, []int{2}) {
		t.Errorf("%v", got)
	}
}

// TestARenamedAgent names its archives as before: its host does not hear of the
// new name.
func TestARenamedAgent(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	own := func(n int) job.Archive {
		x := arch(n)
		x.Name = fmt.Sprintf("a-r-2026-01-02T03:04:05.%03d", n)
		return x
	}
	a.lists(repo, at(1), own(1), arch(9))
	name := "zed"
	r.change(a, AgentChange{Name: &name})
	a.backs(repo, at(2), own(2), true)
	wants := func(when string, matching int) {
		t.Helper()
		list, err := r.s.Archives(t.Context(), ArchiveQuery{Repository: repo.Path, Matching: true})
		must(t, err)
		if v := list.Repository; len(list.Archives) != matching || v.Unmatched != 1 || v.MatchArchives != "a-r-????-??-??T??:??:??.???*" || v.AgentName != name {
			t.Errorf("%s: %d match; %s has %d that do not match %s", when, len(list.Archives), v.AgentName, v.Unmatched, v.MatchArchives)
		}
	}
	wants("after a backup", 2)
	a.lists(repo, at(3), own(1), own(2), own(3), arch(9))
	wants("after a list", 3)
}

// TestOneAgentsListsAreItsOwn: what another agent says of a repository is
// refused.
func TestOneAgentsListsAreItsOwn(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1)...)
	b := r.agent("b")
	b.connect("s2")
	key, _ := job.NewKey()
	recs := listing(t, archs(9)...)
	spec := wire.FromSpec(job.Spec{Kind: job.List, Repository: repo.Repository, CreatedAt: at(2), TriggeredBy: job.ByAgent})
	b.send(&fleetv1.JobReport{Key: key[:], Spec: spec, Register: ends(at(2), at(3), len(recs), nil), First: 1, Records: recs})
	other := r.repository(b, "/other")
	b.lists(other, at(2), archs(5)...)
	r.wants(repo, at(1), 1)
	r.wants(other, at(2), 5)
}

// TestTheCatalogueIsUnknown until something is known; an empty answer would lie.
func TestTheCatalogueIsUnknown(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	ask := func() *fault.Error {
		_, err := r.s.Archives(t.Context(), ArchiveQuery{Repository: "/r"})
		return fault.Of(err)
	}
	if f := ask(); f.Code != "catalogue_unknown" || !strings.Contains(f.Message, "refresh=true") {
		t.Error(f)
	}
	a.announce(job.List, repo, register(1, job.PhaseStarted, ""), nil)
	if f := ask(); f.Code != "catalogue_unknown" || !strings.Contains(f.Message, "job 1") {
		t.Error(f)
	}
	a.lists(repo, at(1))
	if list, err := r.s.Archives(t.Context(), ArchiveQuery{Repository: "/r"}); err != nil || len(list.Archives) != 0 || !list.AsOf.Equal(at(1)) {
		t.Errorf("%+v, %v", list, err)
	}
}

// awaited returns once somebody waits for the job.
func (r *rig) awaited(id int64) {
	r.await("somebody waits", func() bool {
		r.s.watch.mu.Lock()
		defer r.s.watch.mu.Unlock()
		return len(r.s.watch.jobs[id]) > 0
	})
}

// TestARefreshSaysWhatCameOfIt: an old list must not pass for a new one.
func TestARefreshSaysWhatCameOfIt(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1)...)
	r.s.set.ListWait = 50 * time.Millisecond
	ask := func() ArchiveList {
		t.Helper()
		list, err := r.s.Archives(t.Context(), ArchiveQuery{Repository: "/r", Refresh: true})
		must(t, err)
		if list.Refresh == nil || list.Refresh.Done || len(list.Archives) != 1 || !list.AsOf.Equal(at(1)) {
			t.Fatalf("got %+v of %+v", list.Refresh, list)
		}
		return list
	}
	slow := ask().Refresh.List
	if slow.Status != job.Pending || !slow.AgentOnline {
		t.Errorf("a slow host: %+v", slow)
	}
	r.s.set.ListWait = 10 * time.Second
	reg := ends(at(2), at(3), 0, func(v *job.Verdict) {
		v.Status, v.ErrorCode, v.ErrorMessage = job.Failed, "repository_not_found", "it is not there"
	})
	sent := make(chan error, 1)
	go func() {
		key := a.order(slow.ID).Key
		r.awaited(slow.ID) // else it would be over, and another list asked for
		sent <- a.stream.Send(&fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{{Key: key, Register: reg}}})
	}()
	got := ask().Refresh.List // the list that waits already
	must(t, <-sent)
	if got.ID != slow.ID || got.Verdict == nil || got.Verdict.ErrorMessage != "it is not there" {
		t.Errorf("a failed list: %+v", got)
	}
	if list, err := r.s.Archives(t.Context(), ArchiveQuery{Repository: "/r"}); err != nil || list.Refresh != nil {
		t.Errorf("not asked for: %+v, %v", list.Refresh, err)
	}
}
