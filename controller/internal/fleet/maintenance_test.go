package fleet

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

func (r *rig) maintain(repo store.Repository, kind job.Kind) (job.Job, error) {
	r.t.Helper()
	return r.maintainAs(r.t.Context(), repo, kind)
}

func (r *rig) maintainAs(ctx context.Context, repo store.Repository, kind job.Kind) (job.Job, error) {
	req := MaintenanceRequest{Kind: kind, Repository: repo.ID, By: "test"}
	if kind == job.Prune {
		req.Prune = &job.PruneSpec{Keep: job.Keep{Daily: 7}}
	}
	return r.s.Maintain(ctx, req)
}

func refusedAs(t *testing.T, what string, err error, code string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// TestBreakLockIsRefused while any job of any host is in hand at the place, and
// holds everybody else off while it is in hand itself.
func TestBreakLockIsRefused(t *testing.T) {
	r := newRig(t)
	a, b := r.agent("a"), r.agent("b")
	one, two := r.repository(a, "ssh://h/r"), r.repository(b, "ssh://h:22/r")
	a.connect("s1")
	b.connect("s2")
	busy := r.start(two.Path, "")
	b.order(busy.ID)
	key := busy.Key[:]
	says := func(phase job.Phase, version uint64) func() {
		return func() {
			b.send(&fleetv1.JobReport{Key: key, Register: register(version, phase, "")})
			b.next("said")
		}
	}
	for _, in := range []struct {
		hand   string
		change func()
	}{
		{"sent", func() {}},
		{"running", says(job.PhaseStarted, 1)},
		{"waiting for borg's lock", says(job.PhaseWaiting, 2)},
		{"of a silent host", func() { b.disconnect(); r.pass(time.Hour) }},
	} {
		in.change()
		_, err := r.maintain(one, job.BreakLock)
		refusedAs(t, in.hand, err, "repository_busy")
	}
	b.connect("s2", &fleetv1.JobState{Key: key, Id: busy.ID, Register: register(3, job.PhaseStarted, job.Completed), Next: 1})
	r.await("the backup has ended", func() bool { return r.job(busy.ID).Verdict != nil })
	lock, err := r.maintain(one, job.BreakLock)
	must(t, err)
	if lock = r.job(lock.ID); !lock.Sent || lock.Spec.StartDeadline.Sub(lock.Spec.CreatedAt) != job.BreakLockDeadline {
		t.Errorf("%+v", lock)
	}
	if next := r.start(two.Path, ""); next.Sent || !strings.HasPrefix(r.waiting(next.ID), "repository busy") {
		t.Errorf("a backup waits for %q beside the break-lock", r.waiting(next.ID))
	}
}

// TestBreakLockLooksAgain when it is sent: it may have waited for its host.
func TestBreakLockLooksAgain(t *testing.T) {
	r := newRig(t)
	a, b := r.agent("a"), r.agent("b")
	one, two := r.repository(a, "ssh://h/r"), r.repository(b, "ssh://h/r")
	lock, err := r.maintain(one, job.BreakLock)
	must(t, err)
	b.connect("s2")
	busy := r.start(two.Path, "b")
	b.order(busy.ID)
	b.send(&fleetv1.JobReport{Key: busy.Key[:], Register: register(2, job.PhaseWaiting, "")})
	b.next("waiting")
	a.connect("s1")
	if lock = r.job(lock.ID); lock.Sent || !strings.HasPrefix(r.waiting(lock.ID), "repository busy") {
		t.Errorf("sent %v, waits for %q", lock.Sent, r.waiting(lock.ID))
	}
}

// TestListAfterPrune: what a prune removed is looked at, unless it cannot have
// removed anything.
func TestListAfterPrune(t *testing.T) {
	for name, tt := range map[string]struct {
		verdict job.Verdict
		dry     bool
		want    bool
	}{
		"good":        {job.Verdict{Status: job.Completed, StartedAt: time.Now()}, false, true},
		"interrupted": {job.Verdict{Status: job.Failed, StartedAt: time.Now()}, false, true},
		"not begun":   {job.Verdict{Status: job.Failed}, false, false},
		"dry run":     {job.Verdict{Status: job.Completed, StartedAt: time.Now()}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, a, repo, _ := catalogueRig(t)
			j, err := r.s.Maintain(t.Context(), MaintenanceRequest{Kind: job.Prune, Repository: repo.ID, By: "test",
				Prune: &job.PruneSpec{Keep: job.Keep{Daily: 1}, DryRun: tt.dry}})
			must(t, err)
			if o := a.order(j.ID); o.Spec.Prune.GetKeepDaily() != 1 || o.Spec.Prune.GetDryRun() != tt.dry {
				t.Errorf("ordered %+v", o.Spec.Prune)
			}
			tt.verdict.EndedAt = time.Now()
			a.send(&fleetv1.JobReport{Key: j.Key[:], Register: wire.FromRegister(job.Register{Incarnation: 1, Version: 9, Phase: job.PhaseStarted, Verdict: &tt.verdict})})
			a.next("ended")
			active := r.st.Active(a.id)
			if got := len(active) == 1 && listsArchives(active[0].Spec) && active[0].Spec.Parent == j.Key; got != tt.want {
				t.Errorf("after it %+v", active)
			}
		})
	}
}

// TestPatternsThatMatchEverything are no registration's own.
func TestPatternsThatMatchEverything(t *testing.T) {
	for format, wide := range map[string]bool{"": false, "{agent}_{now}": false, "{repository}{job}": false, "daily-{now}": false, "{now}": true, "-{utcnow}_{job}": true} {
		r := newRig(t)
		repo := r.repository(r.agent("a"), "/r")
		repo.ArchiveNameFormat = format
		must(t, r.st.Update(t.Context(), func(tx *store.Tx) error { return tx.PutRepository(repo) }))
		if _, err := r.maintain(repo, job.Prune); wide {
			refusedAs(t, format, err, "pattern_too_wide")
		} else if err != nil {
			t.Errorf("%q: %v", format, err)
		}
		repo.MatchArchives = "*"
		must(t, r.st.Update(t.Context(), func(tx *store.Tx) error { return tx.PutRepository(repo) }))
		if _, err := r.maintain(repo, job.Prune); err != nil {
			t.Errorf("%q, and that is meant: %v", format, err)
		}
	}
}

func TestMaintenanceOnce(t *testing.T) {
	r := newRig(t)
	repo := r.repository(r.agent("a"), "/r")
	req := MaintenanceRequest{Kind: job.Prune, Repository: repo.ID, By: "test", IdempotencyKey: "k", Prune: &job.PruneSpec{Keep: job.Keep{Daily: 7}}}
	first, err := r.s.Maintain(t.Context(), req)
	must(t, err)
	again, err := r.s.Maintain(t.Context(), req)
	if err != nil || again.ID != first.ID {
		t.Errorf("job %d, then %d, %v", first.ID, again.ID, err)
	}
	other := req
	other.Prune = &job.PruneSpec{Keep: job.Keep{Daily: 8}}
	_, err = r.s.Maintain(t.Context(), other)
	refusedAs(t, "another rule", err, "idempotency_key_reused")
	other = req
	other.Kind, other.Prune = job.Compact, nil
	_, err = r.s.Maintain(t.Context(), other)
	refusedAs(t, "another kind", err, "idempotency_key_reused")
}

// TestPruneByRetention: a prune that says nothing of what to keep goes by the
// repository's retention, or is refused with what to do; one that does goes by
// that alone.
func TestPruneByRetention(t *testing.T) {
	r := newRig(t)
	host, keeper := r.agent("host"), r.agent("keeper")
	owner, kept := r.repository(host, "ssh://h/r"), r.repository(keeper, "ssh://h/r")
	ask := func(keep job.Keep) (job.Job, error) {
		return r.s.Maintain(t.Context(), MaintenanceRequest{Kind: job.Prune, Repository: owner.ID, By: "test", Prune: &job.PruneSpec{Keep: keep, DryRun: true}})
	}
	set := func(repo store.Repository, keep job.Keep) {
		t.Helper()
		_, err := r.s.UpdateRepository(t.Context(), RepositoryUpdate{ID: repo.ID, By: "test", Change: func(d job.Repository) job.Repository {
			d.Retention = keep
			return d
		}})
		must(t, err)
	}
	_, err := ask(job.Keep{})
	refusedAs(t, "no rule", err, "invalid_request")
	if f := fault.Of(err); f.Kind != fault.Invalid || !strings.Contains(f.Message, "repositories update") || !strings.Contains(f.Message, "keep_daily") {
		t.Errorf("it says %q", f.Message)
	}
	retention := job.Keep{Daily: 7, Within: "30d"}
	for _, maintainer := range []string{"", "keeper"} {
		must(t, r.names(owner, maintainer))
		set(owner, retention)
		set(kept, job.Keep{Yearly: 1}) // of the maintainer's own archives
		for given, want := range map[job.Keep]job.Keep{{}: retention, {Weekly: 4}: {Weekly: 4}} {
			j, err := ask(given)
			must(t, err)
			if j.Spec.Prune.Keep != want || !j.Spec.Prune.DryRun || j.Spec.Repository.Retention != retention {
				t.Errorf("maintained by %q: %+v of %+v", maintainer, j.Spec.Prune, j.Spec.Repository.Retention)
			}
		}
	}
	set(owner, job.Keep{})
	if got := aboutChange(job.Repository{Name: "r", Retention: retention}, job.Repository{Name: "r"}); got != "r: retention" {
		t.Errorf("the audit log says %q", got)
	}
	_, err = ask(job.Keep{})
	refusedAs(t, "taken away", err, "invalid_request")
}

// TestRetentionThatASchedulePrunesBy can be changed, and not be taken away.
func TestRetentionThatASchedulePrunesBy(t *testing.T) {
	r := newRig(t)
	repo, other := r.repository(r.agent("host"), "/r"), r.repository(r.agent("b"), "/b")
	set := func(repo store.Repository, keep job.Keep) error {
		_, err := r.s.UpdateRepository(t.Context(), RepositoryUpdate{ID: repo.ID, By: "test", Change: func(d job.Repository) job.Repository {
			d.Retention = keep
			return d
		}})
		return err
	}
	for _, of := range []store.Repository{repo, other} {
		must(t, set(of, job.Keep{Daily: 7}))
	}
	def := nightly("night")
	def.After.Prune = &job.PruneSpec{}
	s := r.schedule(def, repo)
	own := nightly("own rule")
	own.After.Prune = &job.PruneSpec{Keep: job.Keep{Weekly: 1}}
	r.schedule(own, repo, other)
	err := set(repo, job.Keep{})
	refusedAs(t, "pruned by at night", err, "invalid_request")
	if f := fault.Of(err); len(f.Fields) != 1 || f.Fields[0].Location != "body.retention" || !strings.Contains(f.Message, `"night"`) {
		t.Errorf("it says %+v", f)
	}
	must(t, set(repo, job.Keep{Daily: 3}))
	must(t, set(other, job.Keep{}))
	must(t, r.s.DeleteSchedule(t.Context(), s.ID))
	must(t, set(repo, job.Keep{}))
}
