package fleet

import (
	"testing"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// expire removes a job that has ended, as retention does.
func (r *rig) expire(id int64) {
	r.t.Helper()
	l, _, err := r.st.OldLog(id)
	must(r.t, err)
	must(r.t, r.st.Expire(r.t.Context(), func(tx *store.Tx) error {
		if err := tx.RemoveLog(l); err != nil {
			return err
		}
		return tx.ExpireJob(id)
	}))
}

func done(r *rig) *fleetv1.Register {
	return wire.FromRegister(job.Register{Incarnation: 1, Version: 9, Phase: job.PhaseStarted,
		Verdict: &job.Verdict{Status: job.Completed, StartedAt: r.clock(), EndedAt: r.clock(), JournalEnd: 2}})
}

// has is what a host says of a job that has ended there.
func has(j job.Job, id int64, reg *fleetv1.Register) *fleetv1.JobState {
	return &fleetv1.JobState{Key: j.Key[:], Id: id, Register: reg, Next: 3}
}

// report has a host tell a job whole.
func (p *puppet) report(j job.Job, reg *fleetv1.Register) *fleetv1.JobAnswer {
	p.send(&fleetv1.JobReport{Key: j.Key[:], Register: reg, Spec: wire.FromSpec(j.Spec), First: 1,
		Records: []*fleetv1.Record{{Number: 1, Text: "one"}, {Number: 2, Text: "two"}}})
	return p.next("a job told whole")
}

func (p *puppet) wantAction(when string, state *fleetv1.JobState, forget bool) {
	p.t.Helper()
	p.disconnect()
	a := p.connect("s", state).Jobs[0]
	if forget != (a.Action == fleetv1.JobAnswer_ACTION_FORGET) || forget == a.SpecWanted {
		p.t.Errorf("%s: a job is answered with %v", when, a)
	}
	if forget && (a.Id != state.Id || a.Next != state.Next) {
		p.t.Errorf("%s: what its host is told of it is %v", when, a)
	}
}

// TestExpiredIsForgotten: a job that was removed does not come back as another one
// with its host, also not to a store that was restored since; and what a store has
// lost does come back.
func TestExpiredIsForgotten(t *testing.T) {
	r := newRig(t)
	p := r.agent("web")
	repo := r.repository(p, "/r")
	p.connect("s")
	old := r.start(repo.Path, p.id)
	reg := done(r)
	if a := p.report(old, reg); a.Action != fleetv1.JobAnswer_ACTION_FORGET {
		t.Fatalf("the end is answered with %v", a)
	}
	if j, _, err := r.st.Job(old.ID); err != nil || !j.RecordedAt.Equal(r.clock()) {
		t.Errorf("its end was recorded at %v, %v", j.RecordedAt, err)
	}
	p.wantAction("while it is known", has(old, old.ID, reg), true)
	running := wire.FromRegister(job.Register{Incarnation: 1, Version: 2, Phase: job.PhaseStarted, StartedAt: r.clock()})
	r.expire(old.ID)
	p.wantAction("after it was removed", has(old, old.ID, reg), true)
	p.wantAction("that goes on after all", has(old, old.ID, running), false)
	p.wantAction("whose id was never told", has(old, 0, reg), false)
	p.wantAction("with an id that is yet to come", has(old, 1<<40, reg), false)
	if n := r.st.Count(); n != 0 {
		t.Errorf("%d jobs", n)
	}

	b := r.backup()
	r.pass(1)
	lost := r.start(repo.Path, p.id)
	p.disconnect()
	again := r.restored(b, true, r.shut)
	p = p.back(again)
	p.connect("s")
	p.wantAction("at a restored controller", has(old, old.ID, reg), true)
	late := done(again)
	p.wantAction("that was lost", has(lost, lost.ID, late), false)
	if a := p.report(lost, late); a.Id != lost.ID {
		t.Fatalf("a lost job is answered with %v", a)
	}
	again.expire(lost.ID)
	p.wantAction("that was lost, came back and was removed", has(lost, lost.ID, late), true)

	p.disconnect()
	third := again.restored(again.backup(), true, r.shut)
	p = p.back(third)
	p.connect("s")
	p.wantAction("twice restored", has(old, old.ID, reg), true)
	p.wantAction("lost, removed and restored", has(lost, lost.ID, late), true)
	third.pass(1)
	newer := done(third)
	p.wantAction("of which the second has never heard", has(lost, lost.ID+1, newer), false)
}
