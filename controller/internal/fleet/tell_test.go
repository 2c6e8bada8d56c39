package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// tells makes a channel, and a rule by which all events go there.
func (r *rig) tells() (channel int64) {
	r.t.Helper()
	var all []string
	for _, k := range notify.Kinds() {
		all = append(all, string(k))
	}
	must(r.t, r.st.Update(r.t.Context(), func(tx *store.Tx) error {
		channel = tx.NewChannelID()
		if err := tx.PutChannel(store.Channel{ID: channel, Name: "ops", Type: "webhook"}); err != nil {
			return err
		}
		return tx.PutRule(store.Rule{ID: tx.NewRuleID(), Enabled: true, Events: all, Channels: []int64{channel}})
	}))
	return channel
}

// newTold has a host with a repository, and a channel to which all events go.
func newTold(t *testing.T) (r *rig, p *puppet, repo store.Repository, ops int64) {
	t.Helper()
	r = newRig(t)
	p, repo = r.backedUp()
	return r, p, repo, r.tells()
}

// backedUp is a host that is there, and its repository.
func (r *rig) backedUp() (*puppet, store.Repository) {
	r.t.Helper()
	p := r.agent("web-1")
	repo := r.repository(p, "/r")
	p.connect("s1")
	return p, repo
}

// told takes what waits for a channel, and says what it is.
func (r *rig) told(channel int64) (out []notify.Event) {
	r.t.Helper()
	all, err := r.st.Waiting(channel, store.MostWaiting)
	must(r.t, err)
	for _, n := range all {
		e, err := notify.Read(n)
		must(r.t, err)
		out = append(out, e)
		must(r.t, r.st.Update(r.t.Context(), func(tx *store.Tx) error { return tx.Delivered(channel, n, r.clock()) }))
	}
	return out
}

// waits until something is to be told: a job can be read from the disk a moment before
// the rest of its commit is known.
func (r *rig) waits(channel int64) {
	r.t.Helper()
	r.await("something is told", func() bool { return r.st.Outbox(channel).Waiting() > 0 })
}

func (r *rig) wantsTold(what string, channel int64, want ...string) []notify.Event {
	r.t.Helper()
	got := r.told(channel)
	var texts []string
	for _, e := range got {
		texts = append(texts, fmt.Sprintf("%s: %s", e.Event, e.Title))
	}
	if !slices.Equal(texts, want) {
		r.t.Errorf("%s: told %q, want %q", what, texts, want)
	}
	return got
}

func failed(p *puppet, repo store.Repository, message string) {
	p.t.Helper()
	now := p.rig.clock()
	p.announce(job.Backup, repo, ends(now.Add(-time.Minute), now, 0, func(v *job.Verdict) {
		v.Status, v.ErrorCode, v.ErrorMessage = job.Failed, "repository_full", message
	}), nil)
}

// TestJobsAreTold: how each one ended, with the verdict, once; and what is over.
func TestJobsAreTold(t *testing.T) {
	r, p, repo, ops := newTold(t)

	failed(p, repo, "no space left")
	got := r.wantsTold("a failure", ops, "failure: backup of /r on web-1 failed")
	if e := got[0]; e.Message != "no space left" || e.Agent.Name != "web-1" || e.Repository.ID != repo.ID || e.Job.Kind != "backup" ||
		*e.Job.ErrorCode != "repository_full" || e.ID == "" || e.Sequence != 1 {
		t.Errorf("%+v, job %+v", e, e.Job)
	}
	r.pass(time.Second)
	failed(p, repo, "no space left")
	r.wantsTold("each failure", ops, "failure: backup of /r on web-1 failed")
	if all := r.st.Conditions(); len(all) != 1 || all[0].Count != 2 {
		t.Errorf("%+v", all)
	}
	r.pass(time.Second)
	p.backs(repo, r.clock(), arch(1), true)
	got = r.wantsTold("good again", ops, "success: backup of /r on web-1 went well", "recovered: backup of /r on web-1 goes well again")
	if e := got[1]; *e.RecoveredFrom != notify.Failure || !strings.Contains(e.Message, "2 times") || e.Since == nil {
		t.Errorf("%+v", e)
	}
	r.pass(time.Second)
	p.backs(repo, r.clock(), arch(2), true)
	r.wantsTold("good as before", ops, "success: backup of /r on web-1 went well")
	p.lists(repo, r.clock(), archs(1, 2)...)
	r.wantsTold("a list", ops)
	if all := r.st.Conditions(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// TestLostIsToldAndTakenBack: a guess of the controller's is told, and so is the word
// that replaces it; a verdict that comes again is no news.
func TestLostIsToldAndTakenBack(t *testing.T) {
	r, p, _, ops := newTold(t)
	j := r.start("/r", "web-1")
	p.order(j.ID)
	p.disconnect()
	r.pass(r.s.set.LostAfter + time.Minute)
	r.wantsTold("lost", ops, "failure: backup of /r on web-1 failed")
	p.connect("s1")
	for range 2 {
		p.send(&fleetv1.JobReport{Key: j.Key[:], Register: made(r.clock(), arch(1), true)})
		p.next("verdict")
	}
	r.wantsTold("found", ops, "success: backup of /r on web-1 went well", "recovered: backup of /r on web-1 goes well again")
}

// TestOldFailureIsOver: one that a host tells late, after a newer good end of its kind,
// does not last; after one of another kind it does.
func TestOldFailureIsOver(t *testing.T) {
	for _, c := range []struct {
		failed, good job.Kind
		lasts        int
	}{
		{job.Backup, job.Backup, 0}, {job.Prune, job.Prune, 0}, {job.Compact, job.Compact, 0}, {job.Check, job.Check, 0},
		{job.Check, job.Backup, 1}, {job.Backup, job.Check, 1},
	} {
		t.Run(fmt.Sprint(c.failed, " ", c.good), func(t *testing.T) {
			r, p, repo, ops := newTold(t)
			bring := func(kind job.Kind, made time.Time, status job.Status) {
				key, err := job.NewKey()
				must(t, err)
				p.brings(key, job.Spec{
					Kind: kind, Repository: repo.Repository, CreatedAt: made, StartDeadline: made.Add(time.Hour), TriggeredBy: job.ByAgent,
				}, ends(made, r.clock(), 0, func(v *job.Verdict) { v.Status = status }))
				r.waits(ops)
			}
			old := r.clock()
			r.pass(time.Hour)
			bring(c.good, r.clock(), job.Completed)
			r.wantsTold("the newer one", ops, fmt.Sprintf("success: %s of /r on web-1 went well", c.good))
			bring(c.failed, old, job.Failed)
			r.wantsTold("the old one", ops, fmt.Sprintf("failure: %s of /r on web-1 failed", c.failed))
			if all := r.st.Conditions(); len(all) != c.lasts {
				t.Errorf("%+v", all)
			}
		})
	}
}

// TestNobodyAsks: without a rule nothing is written.
func TestNobodyAsks(t *testing.T) {
	r := newRig(t)
	p, repo := r.backedUp()
	failed(p, repo, "no")
	r.s.lookAtConditions(t.Context())
	if all := r.st.Conditions(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// TestToldAgainAfterRestore: a host brings what a restored controller does not know any
// more. That is the same event, with the same id; and it says of when it is.
func TestToldAgainAfterRestore(t *testing.T) {
	r, p, repo, ops := newTold(t)
	b := r.backup()
	key, err := job.NewKey()
	must(t, err)
	spec := job.Spec{Kind: job.Backup, Repository: repo.Repository, CreatedAt: r.clock(), StartDeadline: r.clock().Add(time.Hour), TriggeredBy: job.ByAgent}
	bad := ends(r.clock(), r.clock(), 0, func(v *job.Verdict) { v.Status, v.ErrorMessage = job.Failed, "no" })
	p.brings(key, spec, bad)
	r.waits(ops)
	first := r.wantsTold("at once", ops, "failure: backup of /r on web-1 failed")
	r.pass(time.Hour)
	again := r.restored(b, true, r.shut)
	q := p.back(again)
	q.connect("s1")
	q.brings(key, spec, bad)
	again.waits(ops)
	second := again.wantsTold("again", ops, "failure: backup of /r on web-1 failed")
	if second[0].ID != first[0].ID {
		t.Errorf("%s is told again as %s", first[0].ID, second[0].ID)
	}
	if first[0].Message != "no" || !strings.HasPrefix(second[0].Message, "no (This was at ") {
		t.Errorf("%q, %q", first[0].Message, second[0].Message)
	}
}

// TestRetryIsTold: a failure that the schedule deals with itself says so; the last one
// does not.
func TestRetryIsTold(t *testing.T) {
	r, p, repo, ops := newTold(t)
	def := nightly("a")
	def.Retries, def.RetryDelay = 1, 5*time.Minute
	v := r.schedule(def, repo)
	for attempt, want := range []string{"no (Its schedule tries again at ", "no"} {
		spec := job.Spec{
			Kind: job.Backup, Repository: repo.Repository, CreatedAt: r.clock(), FireTime: r.clock(), StartDeadline: r.clock().Add(time.Hour),
			TriggeredBy: job.BySchedule, ScheduleID: v.ID, Attempt: attempt,
		}
		key, err := job.NewKey()
		must(t, err)
		p.brings(key, spec, ends(r.clock(), r.clock(), 0, func(v *job.Verdict) { v.Status, v.ErrorMessage = job.Failed, "no" }))
		r.waits(ops)
		got := r.wantsTold("a failure", ops, "failure: backup of /r on web-1 failed")
		if m := got[0].Message; !strings.HasPrefix(m, want) || want == "no" && m != want {
			t.Errorf("attempt %d: %q", attempt, m)
		}
	}
}
