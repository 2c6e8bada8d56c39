package fleet

import (
	"context"
	"strings"
	"testing"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// TestRunNowMany: a schedule of a big fleet is run in steps, and what cannot be
// started is told in short.
func TestRunNowMany(t *testing.T) {
	r := newRig(t)
	p := r.agent("host")
	one := r.repository(p, "/one")
	good := r.many(one, 3*stepJobs+5)
	one.Status, one.ErrorMessage = store.RepositoryFailed, "no space"
	broken := r.many(one, mostSkipped+7)
	one.Status, one.Sources = store.RepositoryReady, []string{"/" + strings.Repeat("x", job.MaxSpec)}
	large := r.many(one, 1)
	v := r.schedule(nightly("a"), append(append(good, broken...), large...)...)
	p.connect("s1")

	commits := 0
	r.st.Observe(func(changed []store.Changed) { commits++; r.s.notice(changed) })
	out, err := r.s.RunSchedule(t.Context(), v.ID, "ann")
	must(t, err)
	if len(out.Jobs) != len(good) || len(r.st.Active(p.id)) != len(good) {
		t.Errorf("%d jobs started of %d; the host has %d", len(out.Jobs), len(good), len(r.st.Active(p.id)))
	}
	if n := len(out.Skipped); n != mostSkipped+1 || out.Skipped[n-1] != "and 8 others" {
		t.Errorf("skipped: %q", out.Skipped)
	}
	if commits < 4 {
		t.Errorf("%d jobs in %d updates: nobody else is served meanwhile", len(out.Jobs), commits)
	}
	sent := 0
	for _, j := range r.st.Active(p.id) {
		if j.Sent {
			sent++
		}
	}
	if sent != r.s.set.MaxParallel {
		t.Errorf("%d jobs are sent to a host that runs %d at once", sent, r.s.set.MaxParallel)
	}
}

// TestRunNowBreaksOff: what was started before stays, and the answer says what was
// not.
func TestRunNowBreaksOff(t *testing.T) {
	r := newRig(t)
	p := r.agent("host")
	v := r.schedule(nightly("a"), r.many(r.repository(p, "/one"), 2*stepJobs)...)
	ctx, cancel := context.WithCancel(t.Context())
	r.st.Observe(func(changed []store.Changed) { cancel(); r.s.notice(changed) })
	out, err := r.s.RunSchedule(ctx, v.ID, "ann")
	must(t, err)
	if len(out.Jobs) != stepJobs || len(r.st.Active(p.id)) != stepJobs {
		t.Errorf("%d jobs are told, %d started", len(out.Jobs), len(r.st.Active(p.id)))
	}
	if len(out.Skipped) != 1 || !strings.HasPrefix(out.Skipped[0], "the last 64 of its repositories: ") {
		t.Errorf("skipped: %q", out.Skipped)
	}
	if _, err := r.s.RunSchedule(ctx, v.ID, "ann"); err == nil {
		t.Error("nothing was started, and that is no error")
	}
}
