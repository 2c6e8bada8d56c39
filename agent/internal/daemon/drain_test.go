package daemon

import (
	"testing"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestDrain: what runs goes on, what is ordered meanwhile is kept and not begun,
// whoever speaks for it, and starts when the drain is over.
func TestDrain(t *testing.T) {
	f := newFixture(t)
	f.d.SetLinked(true)
	announced, err := f.d.Start(job.Repository{ID: 7, Path: "/r"}, "root")
	if err != nil {
		t.Fatal(err)
	}
	f.d.Drain(true)
	if _, err := f.d.Start(job.Repository{ID: 7, Path: "/r"}, "root"); err == nil {
		t.Error("a person's job was taken")
	}
	ordered, granted := newKey(t), announced.Key()
	f.order(ordered, fleetv1.Order_DESIRED_RUN, spec(f.now))
	f.order(granted, fleetv1.Order_DESIRED_RUN, spec(f.now))
	f.d.SetLinked(false)
	f.pass(time.Minute) // the host's own authority is no reason either
	// Somebody else's end is: when this job is through, the others had their chance.
	cancelled := newKey(t)
	f.order(cancelled, fleetv1.Order_DESIRED_RUN, spec(f.now))
	f.order(cancelled, fleetv1.Order_DESIRED_CANCEL, spec(f.now))
	if v := f.ended(cancelled); v.Status != job.Cancelled {
		t.Errorf("%+v", v)
	}
	if n := f.spawns.Load(); n != 1 {
		t.Errorf("%d job processes", n)
	}
	f.await("nothing is under way", func() bool { return len(f.d.Underway()) == 0 })
	if n := len(f.d.Unreported()); n != 1 {
		t.Errorf("%d jobs are unreported", n)
	}
	f.d.Drain(false)
	for _, key := range []job.Key{ordered, granted} {
		if v := f.ended(key); v.Status != job.Completed {
			t.Errorf("%+v", v)
		}
	}
}

// TestDrainEndsWithTheDaemon: what was kept starts with the next one.
func TestDrainEndsWithTheDaemon(t *testing.T) {
	f := newFixture(t)
	f.d.Drain(true)
	key := newKey(t)
	f.order(key, fleetv1.Order_DESIRED_RUN, spec(f.now))
	f.stop()
	if n := f.spawns.Load(); n != 0 {
		t.Errorf("%d job processes", n)
	}
	f.open()
	f.ended(key)
}

// TestDrainLeavesWhatHasBegun: only a job process can say what became of borg.
func TestDrainLeavesWhatHasBegun(t *testing.T) {
	f := newFixture(t)
	f.stop()
	f.d.Drain(true)
	for _, started := range []bool{true, false} {
		dir, err := jobdir.Create(f.dir.Jobs(), newKey(t), spec(f.now), job.PhaseAccepted)
		if err != nil {
			t.Fatal(err)
		}
		if started {
			if err := dir.MarkStarted(jobdir.Started{StartedAt: f.now}); err != nil {
				t.Fatal(err)
			}
		}
		news, err := f.d.mustWait(newTended(dir))
		if err != nil || (news == nil) != started {
			t.Errorf("started %v: has to wait %v, %v", started, news != nil, err)
		}
	}
}

// TestOverdueWhileDraining: its job process says so.
func TestOverdueWhileDraining(t *testing.T) {
	f := newFixture(t)
	f.d.Drain(true)
	key := newKey(t)
	f.order(key, fleetv1.Order_DESIRED_RUN, spec(f.now.Add(-59*time.Minute)))
	f.pass(2 * time.Minute)
	f.ended(key)
}
