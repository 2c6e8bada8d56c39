package fleet

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"borgfleet/certs"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestAHelloIsContact: an epoch that has not opened its Report stream yet is no
// silence, however long the controller has been up.
func TestAHelloIsContact(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/r")
	a.connect("s1")
	j := r.start("/r", "")
	key := a.order(j.ID).Key
	a.send(&fleetv1.JobReport{Key: key, Register: register(1, job.PhaseStarted, "")})
	a.next("started")
	r.mu.Lock()
	r.now = r.now.Add(25 * time.Hour) // connected all the while
	r.mu.Unlock()
	a.hello("s1", &fleetv1.JobState{Key: key, Register: register(1, job.PhaseStarted, "")})
	r.pass(time.Second)
	if got := r.job(j.ID); got.Status != job.Running {
		t.Errorf("%s (%+v), a second after its agent said Hello", got.Status, got.Verdict)
	}
	if d := r.s.silentFor(a.id); d > time.Minute {
		t.Errorf("silent for %s", d)
	}
}

// TestTheSweepGetsThroughMany: jobs that are overdue at once, more of them than
// one update of the store can hold, end in the tick that finds them.
func TestTheSweepGetsThroughMany(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	repo := r.repository(a, "/r")
	repo.ExcludePatterns = []string{strings.Repeat("x", 40_000)}
	if err := r.st.Update(t.Context(), func(tx *store.Tx) error { return tx.PutRepository(repo) }); err != nil {
		t.Fatal(err)
	}
	for range 150 {
		if _, err := r.s.Start(t.Context(), StartRequest{Repository: "/r", By: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	r.pass(25 * time.Hour)
	if left := len(r.st.ActiveJobs()); left != 0 {
		t.Errorf("%d jobs are still active past their deadline", left)
	}
}

// TestACancelThatComesTooLate does not say that it succeeded.
func TestACancelThatComesTooLate(t *testing.T) {
	r := newRig(t)
	r.s.set.CancelWait = 10 * time.Second
	a := r.agent("a")
	r.repository(a, "/r")
	a.connect("s1")
	j := r.start("/r", "")
	key := a.order(j.ID).Key
	go func() {
		if a.order(j.ID).Desired == fleetv1.Order_DESIRED_CANCEL {
			a.send(&fleetv1.JobReport{Key: key, Register: register(2, job.PhaseStarted, job.Completed)})
		}
	}()
	res, err := r.s.Cancel(t.Context(), j.ID, "admin")
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.BadState || !strings.Contains(f.Message, "completed") {
		t.Errorf("%+v, %v; want that the job has completed", res, err)
	}
}

// TestAFailedRegistrationIsNoObstacle to the next one.
func TestAFailedRegistrationIsNoObstacle(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.s.set.InitWait = 0
	def := job.Repository{Name: "r", Path: "/r", Encryption: "none", Sources: []string{"/etc"}}
	first, err := r.s.CreateRepository(t.Context(), RepositoryRequest{Definition: def})
	if err != nil || first.Status != "pending" {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := r.s.CreateRepository(t.Context(), RepositoryRequest{Definition: def}); fault.Of(err).Code != "repository_exists" {
		t.Errorf("a second registration: %v", err)
	}
	a.connect("s1")
	key := a.order(first.InitJob).Key
	a.send(&fleetv1.JobReport{Key: key, Register: register(1, job.PhaseStarted, job.Failed)})
	a.next("verdict")
	second, err := r.s.CreateRepository(t.Context(), RepositoryRequest{Definition: def})
	if err != nil || second.ID == first.ID {
		t.Fatalf("after the failure: %+v, %v", second, err)
	}
	if all := r.s.Repositories(t.Context()); len(all) != 1 {
		t.Errorf("%d registrations, want 1", len(all))
	}
}

// TestLargeDefinitions are refused as what they are.
func TestLargeDefinitions(t *testing.T) {
	r := newRig(t)
	r.agent("a")
	def := job.Repository{Name: "r", Path: "/r", Encryption: "none", Sources: []string{"/etc"}}
	for i := range 225 {
		def.ExcludePatterns = append(def.ExcludePatterns, fmt.Sprintf("%d%s", i, strings.Repeat("x", 4000)))
	}
	if _, err := r.s.CreateRepository(t.Context(), RepositoryRequest{Definition: def}); fault.Of(err).Kind != fault.TooLarge {
		t.Errorf("got %v", err)
	}
}

// TestFarDates select what they say.
func TestFarDates(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/r")
	r.start("/r", "")
	page, err := r.s.Jobs(t.Context(), JobQuery{
		Since: time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), Limit: 10,
	})
	if err != nil || len(page.Jobs) != 1 {
		t.Errorf("%d jobs, %v", len(page.Jobs), err)
	}
}

// TestPausedHostsGetNothing, and say so.
func TestPausedHostsGetNothing(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/r")
	a.connect("s1")
	err := r.st.Update(t.Context(), func(tx *store.Tx) error {
		rec, _ := tx.Agent(a.id)
		rec.Paused = true
		return tx.PutAgent(rec)
	})
	if err != nil {
		t.Fatal(err)
	}
	j := r.start("/r", "")
	if got := r.waiting(j.ID); got != waitPaused || j.Sent {
		t.Errorf("waits for %q, sent %v", got, j.Sent)
	}
}

// TestANamedTokenGivesItsName, and says so to a host that wants another.
func TestANamedTokenGivesItsName(t *testing.T) {
	r := newRig(t)
	key, _, err := certs.NewKeyAndCSR(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	token := r.token(JoinTokenRequest{Name: "foo"})
	if _, err := r.enrolWith(token, "bar", key); err == nil || !strings.Contains(err.Error(), `"foo"`) {
		t.Errorf("another name: %v", err)
	}
	if got, err := r.enrolWith(token, "", key); err != nil || got.Name != "foo" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestNamesThatNobodyAnswersTo are told: an empty history would look like one
// in which nothing happened.
func TestNamesThatNobodyAnswersTo(t *testing.T) {
	r := newRig(t)
	for _, q := range []JobQuery{{Agent: "nobody", Limit: 1}, {Repository: "/nowhere", Limit: 1}} {
		if _, err := r.s.Jobs(t.Context(), q); fault.Of(err).Kind != fault.Invalid {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// TestALogThatNeverWas is complete: nobody has to wait for it.
func TestALogThatNeverWas(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/r")
	j := r.start("/r", "")
	if _, err := r.s.Cancel(t.Context(), j.ID, "admin"); err != nil {
		t.Fatal(err)
	}
	if got := r.job(j.ID); !got.LogComplete() {
		t.Errorf("%+v", got)
	}
}
