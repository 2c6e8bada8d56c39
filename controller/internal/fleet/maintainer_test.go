package fleet

import (
	"slices"
	"testing"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// names has a repository maintained by an agent; empty: by its own.
func (r *rig) names(repo store.Repository, maintainer string) error {
	r.t.Helper()
	_, err := r.s.UpdateRepository(r.t.Context(), RepositoryUpdate{
		ID: repo.ID, Maintainer: &maintainer, Change: func(d job.Repository) job.Repository { return d }, By: "test",
	})
	return err
}

// maintained makes a host with a repository that another agent maintains.
func (r *rig) maintained(name string) (host, keeper *puppet, owner, kept store.Repository) {
	r.t.Helper()
	host, keeper = r.agent(name), r.agent("keeper")
	owner, kept = r.repository(host, "ssh://h/r"), r.repository(keeper, "ssh://h/r")
	must(r.t, r.names(owner, "keeper"))
	owner, _ = r.st.Repository(owner.ID)
	return host, keeper, owner, kept
}

// TestMaintainer: prune, compact and check run on the agent that a repository
// names, with its own registration and for the archives of the owner's; nothing
// else does.
func TestMaintainer(t *testing.T) {
	r := newRig(t)
	host, keeper := r.agent("host"), r.agent("keeper")
	owner, kept := r.repository(host, "ssh://host@h/r"), r.repository(keeper, "ssh://keeper@h/r")
	refusedAs(t, "no registration of the same place", r.names(owner, "keeper"), "maintainer_unable")
	for _, repo := range []*store.Repository{&owner, &kept} {
		repo.BorgID = "ab"
		must(t, r.st.Update(t.Context(), func(tx *store.Tx) error { return tx.PutRepository(*repo) }))
	}
	refusedAs(t, "nobody", r.names(owner, "nobody"), "invalid_request")
	refusedAs(t, "itself", r.names(owner, "host"), "invalid_request")
	must(t, r.names(owner, "keeper"))
	refusedAs(t, "in a circle", r.names(kept, "host"), "maintainer_is_maintained")
	v, err := r.s.Repository(t.Context(), owner.ID)
	if err != nil || v.MaintainerName != "keeper" || v.Maintainer != keeper.id {
		t.Errorf("%+v, %v", v, err)
	}
	at := r.clock().Add(-time.Hour)
	host.connect("s1")
	keeper.connect("s2")
	keeper.lists(kept, at, archs(1)...)

	for _, kind := range []job.Kind{job.Prune, job.Compact, job.Check} {
		j, err := r.maintain(owner, kind)
		must(t, err)
		if j.Agent != keeper.id || j.Spec.Repository.ID != kept.ID || j.Spec.Repository.Path != kept.Path || j.Spec.Repository.Maintainer != "" {
			t.Errorf("%s: %+v", kind, j)
		}
		if got, want := j.Spec.Repository.MatchArchives, job.ArchivePattern(owner.Repository, "host"); got != want {
			t.Errorf("%s: archives %q, want %q", kind, got, want)
		}
		_, err = r.s.Cancel(t.Context(), j.ID, "test")
		must(t, err)
	}
	if j := r.start(owner.Path, ""); j.Agent != host.id {
		t.Errorf("a backup goes to %s", j.Agent)
	}
	must(t, r.names(owner, ""))
	if j, err := r.maintain(owner, job.Check); err != nil || j.Agent != host.id {
		t.Errorf("%+v, %v", j, err)
	}
}

// TestAThiefsWord: where a repository has a maintainer, what its own host says of
// prunes is not believed, and neither is that an archive is back.
func TestAThiefsWord(t *testing.T) {
	r := newRig(t)
	host, keeper, owner, kept := r.maintained("host")
	host.connect("s1")
	keeper.connect("s2")
	at := func(minute int) time.Time {
		return r.clock().Add(time.Duration(minute-60) * time.Minute).Truncate(time.Second)
	}
	host.lists(owner, at(1), archs(1, 2, 3)...)
	keeper.lists(kept, at(1), archs(1, 2, 3)...)

	host.prunes(owner, at(2), job.Completed, archs(1)...)
	keeper.lists(kept, at(3), archs(2, 3)...)
	r.wantsGone("the thief says that it pruned it", kept, 1)
	host.lists(owner, at(4), archs(2, 3)...)
	r.wantsGone("in the thief's own catalogue", owner, 1)
	host.lists(owner, at(5), archs(1, 2, 3)...)
	r.wantsGone("the thief says that it is back", owner, 1)
	_, err := r.maintain(owner, job.Compact)
	refusedAs(t, "compact", err, job.CodeArchivesVanished)

	keeper.lists(kept, at(6), archs(1, 2, 3)...)
	r.wantsGone("the maintainer says so", owner)
	r.wantsGone("the maintainer says so", kept)
	keeper.prunes(kept, at(7), job.Completed, archs(1)...)
	host.lists(owner, at(8), archs(2, 3)...)
	r.wantsGone("the maintainer has pruned it", owner)
}

// TestAnothersArchives: where nobody is named, an agent's word counts for its own
// archives; those of others vanish, whatever it says of prunes, and whatever
// repository it says that it uses.
func TestAnothersArchives(t *testing.T) {
	r := newRig(t)
	victim, thief := r.agent("victim"), r.agent("thief")
	theirs, forged := r.repository(victim, "/srv/r"), r.repository(thief, "/srv/elsewhere")
	forged.MatchArchives = "thief-*"
	for _, repo := range []*store.Repository{&theirs, &forged} {
		repo.BorgID = "ab"
		must(t, r.st.Update(t.Context(), func(tx *store.Tx) error { return tx.PutRepository(*repo) }))
	}
	victim.connect("s1")
	thief.connect("s2")
	at := func(minute int) time.Time {
		return r.clock().Add(time.Duration(minute-60) * time.Minute).Truncate(time.Second)
	}
	named := func(name string, n int) job.Archive {
		a := arch(n)
		a.Name = name
		return a
	}
	own, others := named("victim-r-2026-11-01", 1), named("thief-r-2026-11-01", 2)
	victim.lists(theirs, at(1), own, others)
	thief.lists(forged, at(1), own, others)
	thief.prunes(forged, at(2), job.Completed, own, others)
	victim.lists(theirs, at(3))
	r.wantsGone("a thief says that it pruned both", theirs, 1)
	_, err := r.maintain(theirs, job.Compact)
	refusedAs(t, "compact", err, job.CodeArchivesVanished)
}

// TestMaintainerWithoutRegistration is told when the job is asked for.
func TestMaintainerWithoutRegistration(t *testing.T) {
	r := newRig(t)
	host, _, owner, kept := r.maintained("host")
	must(t, r.s.DeleteRepository(t.Context(), kept.ID))
	_, err := r.maintain(owner, job.Prune)
	refusedAs(t, "prune", err, "maintainer_unable")
	if jobs := r.st.Active(host.id); slices.ContainsFunc(jobs, func(j job.Job) bool { return j.Spec.Kind == job.Prune }) {
		t.Error("the owner prunes")
	}
}
