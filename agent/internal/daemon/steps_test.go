package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/memory"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestSteps follow a good backup one after the other, each once, also when the
// daemon is started anew in between, and never again when they are gone.
func TestSteps(t *testing.T) {
	f := newFixture(t)
	f.d.SetLinked(true)
	s := spec(f.now)
	s.After = job.After{Prune: &job.PruneSpec{Keep: job.Keep{Daily: 7}}, Check: &job.CheckSpec{Depth: job.CheckRepository}}
	s.ScheduleID, s.TriggeredBy, s.RequestedBy = 3, job.BySchedule, "schedule nightly"
	key := newKey(t)
	f.order(key, fleetv1.Order_DESIRED_RUN, s)
	f.ended(key)
	prune, check := job.StepKey(key, job.Prune), job.StepKey(key, job.Check)
	f.await("the prune", func() bool { _, ok := f.d.Dir(prune); return ok })
	if _, early := f.d.Dir(check); early {
		t.Error("the check does not wait for the prune")
	}
	dir, _ := f.d.Dir(prune)
	if got := dir.Spec(); got.Prune.Keep.Daily != 7 || got.Parent != key || got.ScheduleID != 3 || got.TriggeredBy != job.BySchedule || !got.StartDeadline.After(f.clock().Add(23*time.Hour)) {
		t.Errorf("%+v", got)
	}
	f.stop()
	f.open()
	f.d.SetLinked(true)
	f.order(prune, fleetv1.Order_DESIRED_RUN, dir.Spec())
	f.ended(prune)
	f.await("the check", func() bool { _, ok := f.d.Dir(check); return ok })
	dir, _ = f.d.Dir(check)
	if got := dir.Spec(); got.Check == nil || got.Check.Depth != job.CheckRepository {
		t.Errorf("%+v", got)
	}
	f.order(check, fleetv1.Order_DESIRED_RUN, dir.Spec())
	f.ended(check)
	backup, _ := f.d.Dir(key)
	f.await("the mark that nothing more follows", backup.Followed)
	if last, ok := (memory.Of[Checked]{Dir: f.dir.Checked()}).Get(7); !ok || !last.At.Equal(s.CreatedAt) {
		t.Errorf("the check is remembered for %s", last.At)
	}

	// Their directories go before the backup's does.
	f.stop()
	for _, k := range []job.Key{prune, check} {
		d, err := jobdir.Open(f.dir.Jobs() + "/" + k.String())
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	f.open()
	backup, _ = f.d.Dir(key)
	f.d.followUp(backup)
	if _, again := f.d.Dir(prune); again {
		t.Error("the steps begin once more")
	}
}

// TestStepsAreTriedAgain: what was in the way of one may go without a restart.
func TestStepsAreTriedAgain(t *testing.T) {
	f := newFixture(t)
	f.d.SetLinked(true)
	s := spec(f.now)
	s.After = job.After{Check: &job.CheckSpec{}}
	key := newKey(t)
	check := job.StepKey(key, job.Check)
	inTheWay := filepath.Join(f.dir.Jobs(), check.String())
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.order(key, fleetv1.Order_DESIRED_RUN, s)
	f.ended(key)
	f.await("the failure", func() bool { return f.failures.Load() > 0 })
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.d.Dir(check); ok {
		t.Fatal("a check is made, and nothing was to make it")
	}
	f.d.followAgain()
	if _, ok := f.d.Dir(check); !ok {
		t.Error("no check follows")
	}
}

// TestNoSteps follow what failed, what is another agent's to maintain, and a step
// that somebody has cancelled.
func TestNoSteps(t *testing.T) {
	f := newFixture(t)
	f.d.SetLinked(true)
	after := job.After{Prune: &job.PruneSpec{Keep: job.Keep{Daily: 7}}, Compact: true}
	for what, change := range map[string]func(*job.Spec){
		"late":                 func(s *job.Spec) { s.StartDeadline = f.now.Add(time.Nanosecond) },
		"maintained":           func(s *job.Spec) { s.Repository.Maintainer = "another" },
		"nothing that follows": func(s *job.Spec) { s.After = job.After{} },
	} {
		s := spec(f.now)
		s.After = after
		change(&s)
		key := newKey(t)
		f.order(key, fleetv1.Order_DESIRED_RUN, s)
		f.ended(key)
		dir, _ := f.d.Dir(key)
		f.d.followUp(dir)
		if _, ok := f.d.Dir(job.StepKey(key, job.Prune)); ok {
			t.Errorf("%s: something follows", what)
		}
	}
	s := spec(f.now)
	s.After = after
	key := newKey(t)
	f.order(key, fleetv1.Order_DESIRED_RUN, s)
	prune := job.StepKey(key, job.Prune)
	f.await("the prune", func() bool { _, ok := f.d.Dir(prune); return ok })
	if err := f.d.Cancel(prune); err != nil {
		t.Fatal(err)
	}
	f.ended(prune)
	dir, _ := f.d.Dir(key)
	f.await("the end of it", dir.Followed)
	if _, ok := f.d.Dir(job.StepKey(key, job.Compact)); ok {
		t.Error("a compact follows a cancelled prune")
	}
}
