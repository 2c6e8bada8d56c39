package fleet

import (
	"fmt"
	"testing"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestTheHistoryOfADeletedRegistrationIsFound by its path, name and id; and a
// path that is registered again has one history.
func TestTheHistoryOfADeletedRegistrationIsFound(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	a.connect("s1")
	repo := r.repository(a, "/r")
	run := func() {
		j := r.start("/r", "")
		a.order(j.ID)
		a.send(&fleetv1.JobReport{Key: j.Key[:], Register: register(1, job.PhaseStarted, job.Completed)})
		a.next("verdict")
	}
	history := func(ref string, want int) {
		t.Helper()
		page, err := r.s.Jobs(t.Context(), JobQuery{Repository: ref, Limit: 10})
		if err != nil || len(page.Jobs) != want {
			t.Errorf("history of %s: %d jobs, %v; want %d", ref, len(page.Jobs), err, want)
		}
	}
	run()
	must(t, r.s.DeleteRepository(t.Context(), repo.ID))
	history("/r", 1)
	history(fmt.Sprint(repo.ID), 1)
	if _, err := r.s.Events(EventQuery{Repository: "/r"}, ""); err != nil {
		t.Errorf("events: %v", err)
	}
	again := r.repository(a, "/r")
	run()
	history("/r", 2)
	history(fmt.Sprint(repo.ID), 1)
	history(fmt.Sprint(again.ID), 1)
	_, err := r.s.Jobs(t.Context(), JobQuery{Repository: "/never", Limit: 10})
	wantFault(t, "never registered", err, "invalid_request")
}
