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
