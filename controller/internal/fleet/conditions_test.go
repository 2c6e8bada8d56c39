package fleet

import (
	"testing"
	"time"

	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/schedule"
)

// looks lets time go by and has the clock look.
func (r *rig) looks(after time.Duration) {
	r.t.Helper()
	r.pass(after)
	r.s.lookAtConditions(r.t.Context())
}

// restarted is the controller's start as the clock sees it: nobody is there yet.
func (r *rig) restarted() { r.s.born = r.clock() }

// TestOfflineIsToldOnce: after a while, not because the controller was away itself, and
// not again for a host that comes and goes.
func TestOfflineIsToldOnce(t *testing.T) {
	r, p, _, ops := newTold(t)
	r.looks(time.Hour)
	r.wantsTold("it is there", ops)
	p.disconnect()
	r.looks(offlineAfter)
	r.wantsTold("not long", ops)
	r.looks(time.Second)
	r.wantsTold("long", ops, "agent_offline: web-1 is offline")
	r.looks(time.Hour)
	r.restarted()
	r.looks(0)
	r.looks(time.Hour)
	r.wantsTold("still", ops)

	p.connect("s1")
	r.looks(steadyAfter - time.Second)
	r.wantsTold("just back", ops)
	p.disconnect()
	r.looks(time.Minute)
	p.connect("s1")
	r.looks(time.Second)
	r.wantsTold("it flaps", ops)
	r.looks(steadyAfter)
	got := r.wantsTold("it stays", ops, "recovered: web-1 is back")
	if *got[0].RecoveredFrom != notify.Offline || got[0].Since == nil {
		t.Errorf("%+v", got[0])
	}
	r.looks(time.Hour)
	r.wantsTold("as it should be", ops)
}

// TestStartIsNoSilence: all hosts are away when the controller starts.
func TestStartIsNoSilence(t *testing.T) {
	r, p, repo, ops := newTold(t)
	r.schedule(nightly("a"), repo)
	p.disconnect()
	r.pass(72 * time.Hour)
	r.restarted()
	r.looks(settleTime - time.Second)
	r.wantsTold("it has just started", ops)
	r.looks(offlineAfter)
	r.wantsTold("long enough", ops, "agent_offline: web-1 is offline", "stale: /r on web-1 has no new backup")
}

// TestStaleAndBack: told once, and over with a good backup.
func TestStaleAndBack(t *testing.T) {
	r, p, repo, ops := newTold(t)
	r.schedule(nightly("a"), repo)
	r.looks(72 * time.Hour)
	r.wantsTold("stale", ops, "stale: /r on web-1 has no new backup")
	r.looks(time.Hour)
	r.wantsTold("still", ops)
	p.backs(repo, r.clock(), arch(1), true)
	r.looks(time.Second)
	r.wantsTold("over", ops, "success: backup of /r on web-1 went well", "recovered: /r on web-1 is backed up as often as it should be again")
}

// TestEditIsNoBackup: a schedule that expects less ends what was overdue, and is told as
// that; a backup that comes after that is one.
func TestEditIsNoBackup(t *testing.T) {
	for what, c := range map[string]struct {
		backed bool
		over   string
	}{
		"none yet":   {false, "recovered: no backup of /r on web-1 is overdue by its schedule as it is now; there is no good one yet"},
		"an old one": {true, "recovered: no backup of /r on web-1 is overdue by its schedule as it is now; the last good one is of "},
	} {
		t.Run(what, func(t *testing.T) {
			r, p, repo, ops := newTold(t)
			if c.backed {
				made := r.clock()
				p.backs(repo, made, arch(1), true)
				c.over += moment(r.st.LastJobs(repo.ID).Good.CreatedAt)
				r.told(ops)
			}
			v := r.schedule(nightly("a"), repo)
			r.looks(72 * time.Hour)
			r.wantsTold("stale", ops, "stale: /r on web-1 has no new backup")
			must(t, errOf(r.s.ChangeSchedule(t.Context(), v.ID, func(def schedule.Schedule, repos []int64) (schedule.Schedule, []int64) {
				def.Cron = "0 2 1 1 *"
				return def, repos
			})))
			r.looks(time.Second)
			r.wantsTold("edited", ops, c.over)
		})
	}
}

// TestLateBackupIsOne: it was made before anybody was told that there is none.
func TestLateBackupIsOne(t *testing.T) {
	r, p, repo, ops := newTold(t)
	p.backs(repo, r.clock(), arch(1), true)
	r.told(ops)
	r.schedule(nightly("a"), repo)
	r.pass(72 * time.Hour)
	late := r.clock()
	r.looks(time.Minute)
	r.wantsTold("stale", ops, "stale: /r on web-1 has no new backup")
	p.backs(repo, late, arch(2), true)
	r.looks(time.Second)
	r.wantsTold("over", ops, "success: backup of /r on web-1 went well", "recovered: /r on web-1 is backed up as often as it should be again")
}

// TestClockIsNoCertificate: one that is set back puts the end off, and that is all.
func TestClockIsNoCertificate(t *testing.T) {
	r, p, _, ops := newTold(t)
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error {
		a, _ := tx.Agent(p.id)
		a.CertificateExpiresAt = r.clock().Add(expiringBefore - time.Second)
		return tx.PutAgent(a)
	}))
	r.looks(0)
	r.wantsTold("it ends", ops, "certificate_expiring: the certificate of web-1 expires")
	r.looks(-time.Hour)
	r.wantsTold("set back", ops, "recovered: the certificate of web-1 is not near its end any more")
}

func TestExpiringCertificate(t *testing.T) {
	r, p, _, ops := newTold(t)
	expires := func(in time.Duration) {
		must(t, r.st.Update(t.Context(), func(tx *store.Tx) error {
			a, _ := tx.Agent(p.id)
			a.CertificateExpiresAt = r.clock().Add(in)
			return tx.PutAgent(a)
		}))
		r.s.lookAtConditions(t.Context())
	}
	r.pass(settleTime)
	expires(expiringBefore)
	r.wantsTold("a week", ops)
	expires(expiringBefore - time.Second)
	expires(time.Hour)
	r.wantsTold("less", ops, "certificate_expiring: the certificate of web-1 expires")
	expires(30 * 24 * time.Hour)
	r.wantsTold("renewed", ops, "recovered: the certificate of web-1 is a new one")
	expires(time.Hour)
	r.told(ops)
	_, err := r.s.RevokeAgent(t.Context(), p.id, "ann")
	must(t, err)
	r.looks(time.Second)
	r.wantsTold("a revoked one's end is nobody's news", ops)
	if all := r.st.Conditions(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// TestVanishedIsTold, and told again when more are gone.
func TestVanishedIsTold(t *testing.T) {
	r, p, repo, ops := newTold(t)
	see := func(what string, want []string, ns ...int) {
		t.Helper()
		r.pass(time.Minute)
		p.lists(repo, r.clock(), archs(ns...)...)
		r.s.lookAtConditions(t.Context())
		r.s.lookAtConditions(t.Context())
		r.wantsTold(what, ops, want...)
	}
	see("all", nil, 1, 2, 3)
	see("one", []string{"archives_vanished: 1 archive is gone from /r on web-1"}, 2, 3)
	see("two", []string{"archives_vanished: 2 archives are gone from /r on web-1"}, 3)
	see("one is back", nil, 2, 3)
	see("and gone again", []string{"archives_vanished: 2 archives are gone from /r on web-1"}, 3)
	see("all are back", []string{"recovered: what was gone from /r on web-1 is back, or was acknowledged"}, 1, 2, 3)
}

// TestShrunkIsTold, until it is back or somebody takes it for normal.
func TestShrunkIsTold(t *testing.T) {
	r, p, repo, ops := newTold(t)
	see := func(what string, size int64, want ...string) {
		t.Helper()
		r.pass(time.Minute)
		p.made(repo, r.clock(), sized(size))
		r.told(ops) // of the job
		r.s.lookAtConditions(t.Context())
		r.s.lookAtConditions(t.Context())
		r.wantsTold(what, ops, want...)
	}
	see("the first", 1000)
	got := "shrunk: the backup of /r on web-1 is less than half of what it was"
	see("less", 400, got)
	see("as small", 410)
	see("it is back", 900, "recovered: the backup of /r on web-1 has a normal size again")
	see("less again", 300, got)
	must(t, errOf(r.s.AcceptSize(t.Context(), repo.ID, 0, "ann")))
	r.looks(time.Second)
	r.wantsTold("it was meant", ops, "recovered: the size of the backup of /r on web-1 was accepted")
}

// TestPausedIsNoNewBackup: that a schedule is paused ends what it expected, and is
// told as that.
func TestPausedIsNoNewBackup(t *testing.T) {
	r, p, repo, ops := newTold(t)
	p.backs(repo, r.clock(), arch(1), true)
	r.told(ops)
	id := r.schedule(nightly("a"), repo).ID
	r.looks(72 * time.Hour)
	r.wantsTold("stale", ops, "stale: /r on web-1 has no new backup")
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error {
		one, _ := tx.Schedule(id)
		one.Enabled = false
		return tx.PutSchedule(one)
	}))
	r.looks(time.Second)
	r.wantsTold("paused", ops, "recovered: no backup of /r on web-1 is overdue any more: no schedule expects one now")
	r.looks(72 * time.Hour)
	r.wantsTold("nothing is expected", ops)
}

// TestEndOfWhatWasTold: nobody hears that something is over of which nobody was told,
// nor a channel of what only others were told of; and a rule that is made later tells
// what lasts and was not told.
func TestEndOfWhatWasTold(t *testing.T) {
	r := newRig(t)
	p, repo := r.backedUp()
	r.schedule(nightly("a"), repo)
	rule := func(events ...string) (channel int64) {
		must(t, r.st.Update(t.Context(), func(tx *store.Tx) error {
			channel = tx.NewChannelID()
			if err := tx.PutChannel(store.Channel{ID: channel, Type: "webhook"}); err != nil {
				return err
			}
			return tx.PutRule(store.Rule{ID: tx.NewRuleID(), Enabled: true, Events: events, Channels: []int64{channel}})
		}))
		return channel
	}
	failures := rule("failure", "recovered")
	r.looks(72 * time.Hour)
	if all := r.st.Conditions(); len(all) != 0 {
		t.Errorf("kept, and nobody was told: %+v", all)
	}
	staleness, ends := rule("stale", "recovered"), rule("recovered")
	r.looks(time.Second)
	r.wantsTold("there is a rule now", staleness, "stale: /r on web-1 has no new backup")
	p.backs(repo, r.clock(), arch(1), true)
	r.looks(time.Second)
	over := "recovered: /r on web-1 is backed up as often as it should be again"
	r.wantsTold("to whom it was told", staleness, over)
	r.wantsTold("who wants every end", ends, over)
	r.wantsTold("to whom it was not", failures)
}

// TestUntoldFailure: a rule that comes later tells no end of it.
func TestUntoldFailure(t *testing.T) {
	r := newRig(t)
	p, repo := r.backedUp()
	failed(p, repo, "no")
	ops := r.tells()
	r.pass(time.Second)
	p.backs(repo, r.clock(), arch(1), true)
	r.wantsTold("good", ops, "success: backup of /r on web-1 went well")
}

// TestRevokedHostHasNoFailures that last: there will be no good end.
func TestRevokedHostHasNoFailures(t *testing.T) {
	r, p, repo, ops := newTold(t)
	failed(p, repo, "no")
	must(t, errOf(r.s.RevokeAgent(t.Context(), p.id, "ann")))
	r.told(ops)
	r.looks(time.Second)
	r.wantsTold("it is nobody's news", ops)
	if all := r.st.Conditions(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// TestSuspendedControllerTellsNothing of what its hosts did meanwhile, before they
// have had time to tell it.
func TestSuspendedControllerTellsNothing(t *testing.T) {
	r, _, repo, ops := newTold(t)
	r.schedule(nightly("a"), repo)
	tick := func(after time.Duration) {
		t.Helper()
		r.pass(after)
		r.s.noteLook()
		r.s.lookAtConditions(t.Context())
	}
	r.pass(settleTime)
	tick(0)
	tick(conditionsEvery)
	tick(72 * time.Hour)
	r.wantsTold("it wakes up", ops)
	for range int(settleTime/time.Minute) - 1 {
		tick(time.Minute)
	}
	r.wantsTold("just before", ops)
	tick(time.Minute)
	r.wantsTold("nothing came", ops, "stale: /r on web-1 has no new backup")
}

// TestEndWithoutARule: what was told and is over is not shown as lasting because the
// rules have gone.
func TestEndWithoutARule(t *testing.T) {
	r, p, _, ops := newTold(t)
	p.disconnect()
	r.pass(time.Hour)
	r.s.lookAtConditions(t.Context())
	r.wantsTold("offline", ops, "agent_offline: web-1 is offline")
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error { return tx.DeleteRule(tx.Rules()[0].ID) }))
	p.connect("s1")
	r.looks(2 * steadyAfter)
	if all := r.st.Conditions(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	r.wantsTold("nobody asks", ops)
}
