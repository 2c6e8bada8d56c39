package fleet

import (
	"context"
	"fmt"
	"testing"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// listener hears events and keeps those that a test has not asked for yet.
type listener struct {
	rig  *rig
	next NextEvents
	had  []Event
}

func (r *rig) listen(q EventQuery, cursor string) *listener {
	r.t.Helper()
	next, err := r.s.Events(q, cursor)
	if err != nil {
		r.t.Fatal(err)
	}
	return &listener{rig: r, next: next}
}

// hears waits for an event; what came before it is over.
func (l *listener) hears(what string, is func(Event) bool) {
	l.rig.t.Helper()
	ctx, cancel := context.WithTimeout(l.rig.t.Context(), 10*time.Second)
	defer cancel()
	for {
		for i, e := range l.had {
			if is(e) {
				l.had = l.had[i+1:]
				return
			}
		}
		l.had = nil
		batch, err := l.next(ctx)
		if err != nil || ctx.Err() != nil {
			l.rig.t.Fatalf("%s: not heard (%v)", what, err)
		}
		l.had = batch.Events
	}
}

func (l *listener) job(id int64, what string, is func(JobView) bool) {
	l.rig.t.Helper()
	l.hears(fmt.Sprintf("job %d %s", id, what), func(e Event) bool { return e.Type == EventJob && e.Job.ID == id && is(*e.Job) })
}

func (l *listener) agent(id, what string, is func(AgentView) bool) {
	l.rig.t.Helper()
	l.hears("agent "+what, func(e Event) bool { return e.Type == EventAgent && e.Agent.ID == id && is(*e.Agent) })
}

// TestEverythingIsTold: whatever changes in what people see of a job, an agent
// or a repository, an event says so.
func TestEverythingIsTold(t *testing.T) {
	r := newRig(t)
	all := r.listen(EventQuery{}, "")
	a := r.agent("a")
	all.agent(a.id, "enrolled", func(v AgentView) bool { return !v.Online })
	repo := r.repository(a, "/r")
	all.hears("a repository", func(e Event) bool { return e.Type == EventRepository && e.Repository.ID == repo.ID })
	first := r.start("/r", "")
	all.job(first.ID, "waits for its agent", func(v JobView) bool { return v.WaitingFor == waitOffline })
	agents := r.listen(EventQuery{Types: []EventType{EventAgent}}, "")
	a.connect("s1")
	agents.agent(a.id, "is there", func(v AgentView) bool { return v.Online })
	all.job(first.ID, "is sent", func(v JobView) bool { return v.WaitingFor == waitAccepted })
	second := r.start("/r", "")
	all.job(second.ID, "waits for the host", func(v JobView) bool { return v.WaitingFor == waitHost })

	a.send(&fleetv1.JobReport{Key: first.Key[:], Register: register(1, job.PhaseStarted, "")})
	all.job(first.ID, "runs", func(v JobView) bool { return v.Status == job.Running })
	agents.agent(a.id, "runs one", func(v AgentView) bool { return v.Running == 1 && v.Waiting == 1 })
	a.send(&fleetv1.JobReport{Key: first.Key[:], First: 1, Records: records(1, "one", "two")})
	all.job(first.ID, "has lines", func(v JobView) bool { return v.LogLines == 2 })
	a.send(&fleetv1.JobReport{Key: first.Key[:], Register: register(2, job.PhaseVerifying, "")})
	all.job(second.ID, "gets slot and place", func(v JobView) bool { return v.WaitingFor == waitAccepted })
	a.disconnect()
	agents.agent(a.id, "is gone", func(v AgentView) bool { return !v.Online })
	all.job(first.ID, "is out of contact", func(v JobView) bool { return v.Status == job.Running && !v.AgentOnline })
	all.job(second.ID, "waits for its agent", func(v JobView) bool { return v.WaitingFor == waitOffline })

	a.connect("s1", &fleetv1.JobState{Key: first.Key[:], Register: register(3, job.PhaseStarted, job.Completed)})
	all.job(first.ID, "has ended", func(v JobView) bool { return v.Status == job.Completed })
	all.job(second.ID, "is sent", func(v JobView) bool { return v.WaitingFor == waitAccepted })
	agents.agent(a.id, "has one left", func(v AgentView) bool { return v.Online && v.Running == 0 && v.Waiting == 1 })

	if err := r.st.Update(t.Context(), func(tx *store.Tx) error { return r.s.dropRepository(tx, repo.ID) }); err != nil {
		t.Fatal(err)
	}
	all.hears("the repository's end", func(e Event) bool {
		return e.Type == EventRemoved && e.Removed.Thing == store.ThingRepository && e.Removed.ID == repo.ID
	})
}

// TestWhatPeopleChangeIsTold, also of an agent that is away: its jobs may wait
// for something else now.
func TestWhatPeopleChangeIsTold(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	repo := r.repository(a, "/r")
	a.connect("s1")
	r.start("/r", "")
	j := r.start("/r", "")
	all := r.listen(EventQuery{}, "")
	waits := func(why string) {
		t.Helper()
		all.job(j.ID, why, func(v JobView) bool { return v.WaitingFor == why })
	}
	yes, name, two := true, "zed", 2
	r.change(a, AgentChange{Paused: &yes})
	waits(waitPaused)
	r.change(a, AgentChange{Name: &name})
	all.hears("the repository of an agent with a new name", func(e Event) bool {
		return e.Type == EventRepository && e.Repository.ID == repo.ID && e.Repository.AgentName == name
	})
	all.job(j.ID, "has the new name", func(v JobView) bool { return v.AgentName == name })
	r.change(a, AgentChange{MaxParallel: &two})
	all.job(j.ID, "may wait for something else", func(JobView) bool { return true })
	a.disconnect()
	waits(waitOffline)
	_, err := r.s.RevokeAgent(t.Context(), a.id, "test")
	must(t, err)
	waits(waitRevoked)

	b := r.agent("b")
	all.agent(b.id, "is enrolled", func(AgentView) bool { return true })
	must(t, r.s.DeleteAgent(t.Context(), b.id, "test"))
	all.hears("an agent's end", func(e Event) bool {
		return e.Type == EventRemoved && e.Removed.Thing == store.ThingAgent && e.Removed.Agent == b.id
	})
}

// TestTheCatalogueIsTold: what a list or a backup brings is seen with the
// repository.
func TestTheCatalogueIsTold(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	all := r.listen(EventQuery{Types: []EventType{EventRepository}}, "")
	has := func(archives int64, asOf time.Time) {
		t.Helper()
		all.hears(fmt.Sprintf("%d archives as of %s", archives, asOf), func(e Event) bool {
			return e.Type == EventRepository && e.Repository.ID == repo.ID && e.Repository.Archives == archives && e.Repository.CatalogueAsOf.Equal(asOf)
		})
	}
	a.lists(repo, at(1), archs(1, 2)...)
	has(2, at(1))
	a.backs(repo, at(2), arch(3), true)
	has(3, at(2))
	a.lists(repo, at(3), archs(3)...)
	has(1, at(3))
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error { return tx.DeleteCatalogue(repo.ID) }))
	has(0, time.Time{})
}

// TestEventsAreSelectedByName, and a name that nothing has is an error.
func TestEventsAreSelectedByName(t *testing.T) {
	r := newRig(t)
	a, b := r.agent("a"), r.agent("b")
	r.repository(a, "/a")
	r.repository(b, "/b")
	ja, jb := r.start("/a", ""), r.start("/b", "")
	for _, q := range []EventQuery{{Agent: "b"}, {Agent: b.id}, {Repository: "/b"}, {JobID: jb.ID}} {
		l := r.listen(q, "")
		for _, id := range []int64{ja.ID, jb.ID} {
			if _, err := r.s.Cancel(t.Context(), id, "test"); err != nil && fault.Of(err).Code != "job_ended" {
				t.Fatal(err)
			}
			r.touch(id)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		batch, err := l.next(ctx)
		cancel()
		if err != nil || len(batch.Events) == 0 {
			t.Fatalf("%+v: %v", q, err)
		}
		for _, e := range batch.Events {
			if e.Type == EventJob && e.Job.ID != jb.ID || e.Type == EventAgent && e.Agent.ID != b.id {
				t.Errorf("%+v lets %+v pass", q, e)
			}
		}
	}
	for field, q := range map[string]EventQuery{"query.agent": {Agent: "c"}, "query.repository": {Repository: "/c"}, "query.job_id": {JobID: 99}} {
		if _, err := r.s.Events(q, ""); fault.Of(err).Kind != fault.Invalid || fault.Of(err).Fields[0].Location != field {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// touch stores a job as it is.
func (r *rig) touch(id int64) {
	r.t.Helper()
	err := r.st.Update(r.t.Context(), func(tx *store.Tx) error {
		j, _, err := tx.Job(id)
		if err != nil {
			return err
		}
		return tx.PutJob(j)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// TestCursorOfAnotherStart: one reset, and then what happens from now on.
func TestCursorOfAnotherStart(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/a")
	l := r.listen(EventQuery{}, newFeed().cursor(0))
	l.hears("reset", func(e Event) bool { return e.Type == EventReset })
	j := r.start("/a", "")
	l.job(j.ID, "waits", func(JobView) bool { return true })
	for _, e := range l.had {
		if e.Type == EventReset {
			t.Error("a second reset")
		}
	}
}

// TestForgottenPlaces: who was away while more happened than is remembered is
// told to read everything again, once; so is one that was there and read nothing.
func TestForgottenPlaces(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/a")
	place := r.s.feed.cursor(r.s.feed.newest())
	slow := r.listen(EventQuery{}, "")
	for range feedSize + 1 {
		r.s.feed.mark([]store.Changed{{Thing: store.ThingAgent, Agent: a.id}})
	}
	for who, l := range map[string]*listener{"slow": slow, "away": r.listen(EventQuery{}, place)} {
		resets := 0
		j := r.start("/a", "")
		l.hears(who+": the job", func(e Event) bool {
			if e.Type == EventReset {
				resets++
				j = r.start("/a", "") // what comes after it is not left out
			}
			return e.Type == EventJob && e.Job.ID == j.ID
		})
		if resets != 1 {
			t.Errorf("%s: %d resets", who, resets)
		}
	}
}

// TestFollowAsksTheAgent: as long as one stream is open, and no longer than a
// page's time after the last, the agent is asked not to hold lines back.
func TestFollowAsksTheAgent(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/a")
	a.connect("s1")
	j := r.start("/a", "")
	a.order(j.ID)
	a.send(&fleetv1.JobReport{Key: j.Key[:], Register: register(1, job.PhaseStarted, "")})
	if a.next("started").Follow {
		t.Error("nobody follows")
	}
	changed, stop := r.s.Follow(j.ID)
	_, stopOther := r.s.Follow(j.ID)
	if !a.next("follow").Follow {
		t.Error("the agent is not told")
	}
	stopOther()
	r.pass(10 * followLife)
	a.send(&fleetv1.JobReport{Key: j.Key[:], First: 1, Records: records(1, "one")})
	if !a.next("still followed").Follow {
		t.Error("one stream is open, but the agent is told that nobody follows")
	}
	stop()
	a.send(&fleetv1.JobReport{Key: j.Key[:], First: 2, Records: records(2, "two")})
	if a.next("left alone").Follow {
		t.Error("nobody follows any more")
	}
	select {
	case <-changed:
	default:
		t.Error("the follower was not woken")
	}
	if r.s.followers.held[j.ID] != 0 || len(r.s.watch.jobs) != 0 {
		t.Error("something of the streams is left")
	}
}
