package fleet

import (
	"strings"
	"testing"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestAnEndedJobIsNotWrittenAnew: neither its verdict nor its log, whatever
// incarnation the agent claims, and its connection goes on.
func TestAnEndedJobIsNotWrittenAnew(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/r")
	a.connect("s1")
	j := r.start("/r", "")
	end := register(5, job.PhaseStarted, job.Completed)
	end.Verdict.JournalEnd = 2
	a.send(&fleetv1.JobReport{Key: a.order(j.ID).Key, Register: end, First: 1, Records: records(1, "one", "two", "three")})
	if an := a.next("the verdict, with a line too many"); an.Next != 3 || an.Action != fleetv1.JobAnswer_ACTION_FORGET {
		t.Errorf("answered with %v", an)
	}
	problem := func() string {
		v, err := r.s.Agent(t.Context(), a.id)
		must(t, err)
		return v.Problem
	}
	_, err := r.s.ChangeAgent(t.Context(), a.id, AgentChange{})
	must(t, err)

	// The same again, as after every Hello, is no news.
	a.disconnect()
	a.connect("s1", &fleetv1.JobState{Key: j.Key[:], Id: j.ID, Register: end, Next: 3})
	a.send(&fleetv1.JobReport{Key: j.Key[:], Register: end, First: 1, Records: records(1, "one", "two")})
	a.next("the same again")
	if p := problem(); p != "" {
		t.Errorf("a repeat is shown as %q", p)
	}

	other := register(1, job.PhaseStarted, job.Failed)
	other.Incarnation, other.Verdict.JournalEnd = 99, 9
	a.send(&fleetv1.JobReport{Key: j.Key[:], Register: other, First: 3, Records: records(3, "three")})
	if an := a.next("another verdict"); an.Next != 3 || an.Action != fleetv1.JobAnswer_ACTION_FORGET {
		t.Errorf("answered with %v", an)
	}
	a.send(&fleetv1.JobReport{Key: j.Key[:], Register: other, First: 7, Records: records(7, "seven")})
	a.next("what would be a hole")
	if now := r.job(j.ID); now.Status != job.Completed || now.LogNext != 3 || !now.LogComplete() || now.Register.Incarnation != 1 {
		t.Errorf("the job is %s now, with %d lines: %+v", now.Status, now.LogNext-1, now)
	}
	if p := problem(); !strings.Contains(p, "job 1,") || !strings.Contains(p, "snapshot") {
		t.Errorf("the agent's problem is %q", p)
	}

	// A Hello is refused nothing for it, either.
	a.disconnect()
	resp := a.connect("s1", &fleetv1.JobState{Key: j.Key[:], Id: j.ID, Register: other, Next: 9})
	if an := resp.Jobs[0]; an.Action != fleetv1.JobAnswer_ACTION_FORGET || an.Next != 3 {
		t.Errorf("Hello is answered with %v", an)
	}
	if now := r.job(j.ID); now.Status != job.Completed {
		t.Errorf("a Hello has made it %s", now.Status)
	}
}
