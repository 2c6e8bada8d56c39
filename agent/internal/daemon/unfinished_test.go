package daemon

import (
	"testing"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestADirectoryThatNobodyKnowsIsTakenUp: it is there, and its making failed. The
// order comes again, and is carried out then.
func TestADirectoryThatNobodyKnowsIsTakenUp(t *testing.T) {
	for want, status := range map[fleetv1.Order_Desired]job.Status{
		fleetv1.Order_DESIRED_RUN:    job.Completed,
		fleetv1.Order_DESIRED_CANCEL: job.Cancelled,
	} {
		f := newFixture(t)
		key := newKey(t)
		if _, err := jobdir.Create(f.dir.Jobs(), key, spec(f.now), job.PhaseAnnounced); err != nil {
			t.Fatal(err)
		}
		f.order(key, want, spec(f.now))
		if v := f.ended(key); v.Status != status {
			t.Errorf("%s: %v, want %v", want, v.Status, status)
		}
	}
}

// TestADirectoryIsLookedAfterByOne: two that make the same job find one directory.
func TestADirectoryIsLookedAfterByOne(t *testing.T) {
	f := newFixture(t)
	key := newKey(t)
	if err := f.d.Fire(key, spec(f.now)); err != nil {
		t.Fatal(err)
	}
	first, _ := f.d.get(key)
	if again, err := f.d.takeUp(key); err != nil || again != first {
		t.Errorf("taken up once more: %v", err)
	}
	if known, _ := f.d.get(key); known != first {
		t.Error("another one is known now")
	}

	key = newKey(t)
	dir, err := jobdir.Create(f.dir.Jobs(), key, spec(f.now), job.PhaseAnnounced)
	if err != nil {
		t.Fatal(err)
	}
	if first, err = f.d.takeUp(key); err != nil {
		t.Fatal(err)
	}
	if f.d.add(dir) != first {
		t.Error("who made it looks after it, too")
	}
}
