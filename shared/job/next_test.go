package job

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

func pending() Job {
	return New(1, Key{1}, "a1", Spec{Kind: Backup, CreatedAt: t0, StartDeadline: t0.Add(time.Hour)})
}

// must drives a job through events that have to succeed.
func must(t testing.TB, j Job, evs ...Event) Job {
	t.Helper()
	for _, ev := range evs {
		var err error
		if j, _, err = Next(j, ev); err != nil {
			t.Fatalf("%T: %v", ev, err)
		}
	}
	return j
}

func reg(inc, ver uint64, p Phase) Reported {
	r := Register{Incarnation: inc, Version: ver, Phase: p}
	if p >= PhaseStarted {
		r.StartedAt = t0.Add(time.Minute)
	}
	return Reported{Register: r}
}

func verdict(inc, ver uint64, s Status) Reported {
	e := reg(inc, ver, PhaseStarted)
	e.Register.Verdict = &Verdict{Status: s, StartedAt: t0.Add(time.Minute), EndedAt: t0.Add(2 * time.Minute)}
	return e
}

// TestNextTable names every state a job can be in and says what each event
// makes of it.
func TestNextTable(t *testing.T) {
	states := map[string]func(testing.TB) Job{
		"fresh":     func(t testing.TB) Job { return pending() },
		"sent":      func(t testing.TB) Job { return must(t, pending(), Granted{}) },
		"announced": func(t testing.TB) Job { return must(t, pending(), reg(1, 1, PhaseAnnounced)) },
		"accepted":  func(t testing.TB) Job { return must(t, pending(), Granted{}, reg(1, 1, PhaseAccepted)) },
		"running":   func(t testing.TB) Job { return must(t, pending(), Granted{}, reg(1, 2, PhaseStarted)) },
		"locked":    func(t testing.TB) Job { return must(t, pending(), Granted{}, reg(1, 3, PhaseWaiting)) },
		"verifying": func(t testing.TB) Job { return must(t, pending(), Granted{}, reg(2, 1, PhaseVerifying)) },
		"cancelling": func(t testing.TB) Job {
			return must(t, pending(), Granted{}, reg(1, 2, PhaseStarted), CancelWished{By: "admin", At: t0})
		},
		"lost": func(t testing.TB) Job {
			return must(t, pending(), Granted{}, reg(1, 2, PhaseStarted), GivenUp{At: t0, Reason: "gone"})
		},
		"unreadable": func(t testing.TB) Job {
			return must(t, pending(), Granted{}, reg(1, 2, PhaseStarted), Unreadable{At: t0, Reason: "damaged"})
		},
		"cancelled": func(t testing.TB) Job { return must(t, pending(), CancelWished{By: "admin", At: t0}) },
		"completed": func(t testing.TB) Job { return must(t, pending(), Granted{}, verdict(1, 9, Completed)) },
	}
	late := t0.Add(2 * time.Hour)
	events := map[string]Event{
		"grant":    Granted{},
		"cancel":   CancelWished{By: "admin", At: t0},
		"accepted": reg(1, 1, PhaseAccepted),
		"started":  reg(1, 2, PhaseStarted),
		"newest":   reg(3, 1, PhaseStarted),
		"verdict":  verdict(1, 9, CompletedWithWarnings),
		"give up":  GivenUp{At: t0, Reason: "gone"},
		"expire":   Expired{At: late},
		"too soon": Expired{At: t0},
		"damaged":  Unreadable{At: t0, Reason: "damaged"},
	}
	type want struct {
		status Status
		err    error
	}
	ok := func(s Status) want { return want{s, nil} }
	table := map[string]map[string]want{
		"fresh": {
			"grant": ok(Pending), "cancel": ok(Cancelled), "accepted": ok(Pending), "started": ok(Running),
			"newest": ok(Running), "verdict": ok(CompletedWithWarnings), "give up": ok(Failed),
			"expire": ok(Failed), "too soon": {Pending, ErrTooEarly}, "damaged": ok(Running),
		},
		"sent": {
			"grant": ok(Pending), "cancel": ok(Pending), "accepted": ok(Pending), "started": ok(Running),
			"newest": ok(Running), "verdict": ok(CompletedWithWarnings), "give up": ok(Failed),
			"expire": {Pending, ErrNotPending}, "too soon": {Pending, ErrNotPending}, "damaged": ok(Running),
		},
		"announced": {
			"grant": ok(Pending), "cancel": ok(Pending), "accepted": ok(Pending), "started": ok(Running),
			"newest": ok(Running), "verdict": ok(CompletedWithWarnings), "give up": ok(Failed),
			"expire": {Pending, ErrNotPending}, "too soon": {Pending, ErrNotPending}, "damaged": ok(Running),
		},
		"accepted": {
			"grant": ok(Pending), "cancel": ok(Pending), "accepted": ok(Pending), "started": ok(Running),
			"newest": ok(Running), "verdict": ok(CompletedWithWarnings), "give up": ok(Failed),
			"expire": {Pending, ErrNotPending}, "too soon": {Pending, ErrNotPending}, "damaged": ok(Running),
		},
		"running": {
			"grant": ok(Running), "cancel": ok(Running), "accepted": ok(Running), "started": ok(Running),
			"newest": ok(Running), "verdict": ok(CompletedWithWarnings), "give up": ok(Failed),
			"expire": {Running, ErrNotPending}, "too soon": {Running, ErrNotPending}, "damaged": ok(Running),
		},
		"locked": {
			"grant": ok(Pending), "cancel": ok(Pending), "accepted": ok(Pending), "started": ok(Pending),
			"newest": ok(Running), "verdict": ok(CompletedWithWarnings), "give up": ok(Failed),
			"expire": {Pending, ErrNotPending}, "too soon": {Pending, ErrNotPending}, "damaged": ok(Running),
		},
		"verifying": {
			"grant": ok(Running), "cancel": ok(Running), "accepted": ok(Running), "started": ok(Running),
			"newest": ok(Running), "verdict": ok(CompletedWithWarnings), "give up": ok(Failed),
			"expire": {Running, ErrNotPending}, "too soon": {Running, ErrNotPending}, "damaged": ok(Running),
		},
		"cancelling": {
			"grant": ok(Running), "cancel": ok(Running), "accepted": ok(Running), "started": ok(Running),
			"newest": ok(Running), "verdict": ok(CompletedWithWarnings), "give up": ok(Failed),
			"expire": {Running, ErrNotPending}, "too soon": {Running, ErrNotPending}, "damaged": ok(Failed),
		},
		"unreadable": { // what the agent wrote counts again, a wish ends the wait
			"grant": ok(Running), "cancel": ok(Failed), "accepted": ok(Pending), "started": ok(Running),
			"newest": ok(Running), "verdict": ok(CompletedWithWarnings), "give up": ok(Failed),
			"expire": {Running, ErrNotPending}, "too soon": {Running, ErrNotPending}, "damaged": ok(Running),
		},
		"lost": { // the agent's word replaces ours, its old word does not
			"grant": {Failed, ErrEnded}, "cancel": {Failed, ErrEnded}, "accepted": ok(Failed), "started": ok(Running),
			"newest": ok(Running), "verdict": ok(CompletedWithWarnings), "give up": {Failed, ErrEnded},
			"expire": {Failed, ErrEnded}, "too soon": {Failed, ErrEnded}, "damaged": ok(Failed),
		},
		"cancelled": {
			"grant": {Cancelled, ErrEnded}, "cancel": {Cancelled, ErrEnded}, "accepted": ok(Pending), "started": ok(Running),
			"newest": ok(Running), "verdict": ok(CompletedWithWarnings), "give up": {Cancelled, ErrEnded},
			"expire": {Cancelled, ErrEnded}, "too soon": {Cancelled, ErrEnded}, "damaged": ok(Cancelled),
		},
		"completed": {
			"grant": {Completed, ErrEnded}, "cancel": {Completed, ErrEnded}, "accepted": ok(Completed), "started": ok(Completed),
			"newest": ok(Completed), "verdict": ok(Completed), "give up": {Completed, ErrEnded},
			"expire": {Completed, ErrEnded}, "too soon": {Completed, ErrEnded}, "damaged": ok(Completed),
		},
	}
	for sname, mk := range states {
		for ename, ev := range events {
			t.Run(sname+"/"+ename, func(t *testing.T) {
				w, there := table[sname][ename]
				if !there {
					t.Fatal("the table says nothing about this")
				}
				before := mk(t)
				after, fx, err := Next(before, ev)
				if !errors.Is(err, w.err) || after.Status != w.status {
					t.Errorf("got %s, %v; want %s, %v", after.Status, err, w.status, w.err)
				}
				if changed := !cmp.Equal(before, after); changed != fx.Changed {
					t.Errorf("changed %v, but Effects.Changed %v", changed, fx.Changed)
				}
				if before.Status != after.Status && !fx.Store {
					t.Error("a status changed and is not stored")
				}
				if ended := before.Verdict == nil && after.Verdict != nil; ended && !fx.Ended {
					t.Error("ended without saying so")
				}
			})
		}
	}
}

// TestAgentsVerdictIsForEver lets agents, people and clocks do what they like
// in any order, with repeats, and compares with the truth that the model knows.
func TestAgentsVerdictIsForEver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := pending()
		var truth *Verdict // the agent's word, once said
		cancelWished := false
		history := []Reported{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			var ev Event
			switch rapid.IntRange(0, 7).Draw(t, "event") {
			case 0:
				ev = Granted{}
			case 1:
				ev = CancelWished{By: "x", At: t0}
			case 2:
				r := reg(rapid.Uint64Range(1, 4).Draw(t, "inc"), rapid.Uint64Range(1, 9).Draw(t, "ver"), Phase(rapid.IntRange(1, 5).Draw(t, "phase")))
				history, ev = append(history, r), r
			case 3:
				r := verdict(rapid.Uint64Range(1, 4).Draw(t, "inc"), 10, Statuses()[rapid.IntRange(2, 5).Draw(t, "status")])
				if truth == nil {
					truth = r.Register.Verdict
				}
				history, ev = append(history, r), r
			case 4:
				ev = GivenUp{At: t0, Reason: "gone"}
			case 5:
				ev = Expired{At: t0.Add(rapid.SampledFrom([]time.Duration{0, 2 * time.Hour}).Draw(t, "after"))}
			case 6: // the wire repeats something old
				if len(history) > 0 {
					ev = rapid.SampledFrom(history).Draw(t, "repeat")
				}
			case 7:
				ev = Unreadable{At: t0, Reason: "damaged"}
			}
			if ev == nil {
				continue
			}
			before := j
			after, fx, err := Next(before, ev)
			if err != nil && !cmp.Equal(before, after) {
				t.Fatalf("%T failed with %v and still changed the job", ev, err)
			}
			again, fx2, _ := Next(after, ev)
			if !cmp.Equal(after, again) || fx2.Changed {
				t.Fatalf("%T twice is not %T once:\n%s", ev, ev, cmp.Diff(after, again))
			}
			if _, isCancel := ev.(CancelWished); isCancel && err == nil {
				cancelWished = true
			}
			j = after
			if (j.Verdict != nil) != j.Status.Final() {
				t.Fatalf("status %s with verdict %v", j.Status, j.Verdict)
			}
			if j.CancelRequested != cancelWished {
				t.Fatal("a wish to cancel was lost or invented")
			}
			if fx.Ended && !j.Status.Final() {
				t.Fatal("ended, but not final")
			}
			if truth != nil && (j.Ours || j.Verdict != truth || j.Status != truth.Status) {
				t.Fatalf("the agent said %s, the job says %s", truth.Status, j.Status)
			}
			told, isReport := ev.(Reported)
			if other := isReport && before.Verdict != nil && !before.Ours && told.Register.Verdict != nil && told.Register.Verdict.Status != truth.Status; other != fx.Contradicted {
				t.Fatalf("%+v after %s: contradicted is %v", ev, truth.Status, fx.Contradicted)
			}
			if j.Wanted() && j.Verdict != nil {
				t.Fatal("an ended job is still ordered")
			}
		}
	})
}

// TestRegisterOrderIsStrict: whatever order registers arrive in, the same one wins.
func TestRegisterOrderIsStrict(t *testing.T) {
	gen := rapid.Custom(func(t *rapid.T) Register {
		r := Register{Incarnation: rapid.Uint64Range(0, 3).Draw(t, "i"), Version: rapid.Uint64Range(0, 3).Draw(t, "v")}
		if rapid.Bool().Draw(t, "ended") {
			r.Verdict = &Verdict{}
		}
		return r
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := gen.Draw(t, "a"), gen.Draw(t, "b"), gen.Draw(t, "c")
		if a.Newer(b) && b.Newer(a) {
			t.Fatal("both newer")
		}
		if a.Newer(b) && b.Newer(c) && !a.Newer(c) {
			t.Fatal("not transitive")
		}
	})
}

// TestTheEndIsRecorded with the time at which the controller heard of it, whatever its
// host says, and once.
func TestTheEndIsRecorded(t *testing.T) {
	heard := t0.Add(90 * 24 * time.Hour)
	at := func(r Reported, d time.Duration) Reported { r.At = heard.Add(d); return r }
	ended := must(t, pending(), Granted{}, at(verdict(1, 3, Completed), 0), at(verdict(1, 4, Completed), time.Hour))
	if !ended.RecordedAt.Equal(heard) {
		t.Errorf("recorded at %v", ended.RecordedAt)
	}
	lost := must(t, pending(), Granted{}, at(reg(1, 2, PhaseStarted), 0), GivenUp{At: t0, Reason: "gone"})
	if !lost.RecordedAt.Equal(t0) {
		t.Errorf("given up, recorded at %v", lost.RecordedAt)
	}
	if back := must(t, lost, at(reg(1, 3, PhaseStarted), 0)); !back.RecordedAt.IsZero() {
		t.Errorf("it lives, recorded at %v", back.RecordedAt)
	}
	if told := must(t, lost, at(verdict(1, 3, Failed), 0)); !told.RecordedAt.Equal(heard) {
		t.Errorf("told after all, recorded at %v", told.RecordedAt)
	}
}
