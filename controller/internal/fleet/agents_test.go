package fleet

import (
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/version"
)

func (r *rig) change(p *puppet, c AgentChange) AgentView {
	r.t.Helper()
	v, err := r.s.ChangeAgent(r.t.Context(), p.id, c)
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

func wantFault(t *testing.T, what string, err error, code string, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	if got := fault.Of(err).Code; got != code {
		t.Errorf("%s: got %s (%v), want %s", what, got, err, code)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: the error lacks %q: %v", what, w, err)
		}
	}
}

func TestChangingAnAgent(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.agent("b")
	name, parallel := "new-name", 3
	v := r.change(a, AgentChange{Name: &name, Labels: map[string]string{"site": "x"}, MaxParallel: &parallel})
	if v.Name != name || v.Labels["site"] != "x" || v.MaxParallel != 3 || v.ID != a.id {
		t.Errorf("%+v", v)
	}
	if v = r.change(a, AgentChange{Name: &name}); v.Labels["site"] != "x" || v.MaxParallel != 3 {
		t.Errorf("its own name again: %+v", v)
	}
	none := 0
	if v = r.change(a, AgentChange{Labels: map[string]string{}, MaxParallel: &none}); len(v.Labels) != 0 || v.MaxParallel != r.s.set.MaxParallel {
		t.Errorf("back to nothing: %+v", v)
	}
	for name, code := range map[string]string{"b": "agent_name_taken", "ü": "invalid_request", "": "invalid_request", "-a": "invalid_request"} {
		_, err := r.s.ChangeAgent(t.Context(), a.id, AgentChange{Name: &name})
		wantFault(t, "name "+name, err, code)
	}
	_, err := r.s.ChangeAgent(t.Context(), "nobody", AgentChange{})
	wantFault(t, "nobody", err, "agent_not_found")
}

// TestPausing gives nothing new, and unpausing gives what waited, at once.
func TestPausing(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/r")
	r.repository(a, "/s")
	a.connect("s1")
	yes, no, two := true, false, 2
	r.change(a, AgentChange{Paused: &yes})
	j := r.start("/r", "")
	if got := r.waiting(j.ID); got != waitPaused || j.Sent {
		t.Errorf("waits for %q, sent %v", got, j.Sent)
	}
	r.change(a, AgentChange{Paused: &no})
	a.order(j.ID)
	// So does a wider host.
	k := r.start("/s", "")
	if got := r.waiting(k.ID); got != waitHost {
		t.Errorf("waits for %q", got)
	}
	r.change(a, AgentChange{MaxParallel: &two})
	a.order(k.ID)
}

// TestRevocationEndsIdleStreams, both of them and at once; its jobs stay as
// they are known, and no call is answered any more.
func TestRevocationEndsIdleStreams(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/r")
	r.repository(a, "/s")
	a.connect("s1")
	j := r.start("/r", "")
	a.order(j.ID)
	a.send(&fleetv1.JobReport{Key: j.Key[:], Register: register(1, job.PhaseStarted, "")})
	a.next("started")
	k := r.start("/s", "")

	began := time.Now()
	v, err := r.s.RevokeAgent(t.Context(), "a", "admin")
	if err != nil || !v.Revoked || !v.RevokedAt.Equal(r.clock().UTC()) || v.Online {
		t.Fatalf("%+v, %v", v, err)
	}
	for _, stream := range []<-chan error{a.broke, a.watchBroke} {
		select {
		case err := <-stream:
			wantCode(t, "stream", err, connect.CodePermissionDenied)
		case <-time.After(10 * time.Second):
			t.Fatal("a stream stays open")
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("the streams ended after %s", took)
	}
	_, err = a.client.Hello(t.Context(), &fleetv1.HelloRequest{Protocol: version.Protocol, StateId: "s1"})
	wantCode(t, "hello", err, connect.CodePermissionDenied)
	if err == nil || !strings.Contains(err.Error(), "borgfleet-agent enroll") {
		t.Errorf("it does not say what to do: %v", err)
	}
	if got := r.job(j.ID); got.Status != job.Running {
		t.Errorf("the job is %s", got.Status)
	}
	if got := r.waiting(k.ID); got != waitRevoked {
		t.Errorf("waits for %q", got)
	}
	_, err = r.s.Start(t.Context(), StartRequest{Repository: "/r", By: "test"})
	wantFault(t, "a new job", err, "agent_revoked", "join-token create")
	at := v.RevokedAt
	r.pass(time.Minute)
	if v, err = r.s.RevokeAgent(t.Context(), a.id, "admin"); err != nil || !v.RevokedAt.Equal(at) {
		t.Errorf("revoked again: %+v, %v", v, err)
	}
}

// TestDeleting is refused while something hangs on the agent, and leaves the
// history with its name.
func TestDeleting(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	repo := r.repository(a, "/r")
	a.connect("s1")
	j := r.start("/r", "")
	err := r.s.DeleteAgent(t.Context(), "a", "admin")
	wantFault(t, "in use", err, "agent_in_use", "(1; end them", `1 "/r"`, "jobs cancel", "repositories delete")
	a.order(j.ID)
	a.send(&fleetv1.JobReport{Key: j.Key[:], Register: register(1, job.PhaseStarted, job.Completed)})
	a.next("verdict")
	err = r.s.DeleteAgent(t.Context(), "a", "admin")
	wantFault(t, "repository left", err, "agent_in_use", `1 "/r"`)
	if strings.Contains(err.Error(), "jobs") {
		t.Errorf("names jobs that have ended: %v", err)
	}
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error { return tx.DeleteRepository(repo.ID) }))
	must(t, r.s.DeleteAgent(t.Context(), "a", "admin"))
	select {
	case err := <-a.broke:
		wantCode(t, "stream", err, connect.CodeUnauthenticated)
	case <-time.After(10 * time.Second):
		t.Fatal("its stream stays open")
	}
	_, err = a.client.Hello(t.Context(), &fleetv1.HelloRequest{Protocol: version.Protocol, StateId: "s1"})
	wantCode(t, "hello", err, connect.CodeUnauthenticated)
	if _, err := r.s.Agent(t.Context(), "a"); fault.Of(err).Kind != fault.NotFound {
		t.Errorf("it is still there: %v", err)
	}
	v, err := r.s.Job(t.Context(), j.ID)
	if err != nil || v.AgentName != "a" || v.AgentOnline {
		t.Errorf("the history says %+v, %v", v, err)
	}
	// A host that enrols again under the old name has one history.
	b := r.agent("a")
	for _, ref := range []string{"a", a.id} {
		page, err := r.s.Jobs(t.Context(), JobQuery{Agent: ref, Limit: 10})
		if err != nil || len(page.Jobs) != 1 {
			t.Errorf("history of %s: %d jobs, %v", ref, len(page.Jobs), err)
		}
	}
	wantFault(t, "deleted twice", r.s.DeleteAgent(t.Context(), a.id, "admin"), "agent_not_found")
	must(t, r.s.DeleteAgent(t.Context(), b.id, "admin"))
}

// TestASecondMachineIsShown, for a day or until somebody has looked.
func TestASecondMachineIsShown(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	a.connect("s1")
	refused := func() {
		t.Helper()
		_, err := a.client.Hello(t.Context(), &fleetv1.HelloRequest{Protocol: version.Protocol, StateId: "other", Hostname: "copy"})
		wantCode(t, "second machine", err, connect.CodeFailedPrecondition)
	}
	problem := func() string {
		t.Helper()
		v, err := r.s.Agent(t.Context(), a.id)
		must(t, err)
		if (v.Problem == "") != v.ProblemAt.IsZero() {
			t.Errorf("problem %q at %s", v.Problem, v.ProblemAt)
		}
		return v.Problem
	}
	if got := problem(); got != "" {
		t.Errorf("at first: %q", got)
	}
	refused()
	if got := problem(); !strings.Contains(got, "host copy") {
		t.Errorf("refused: %q", got)
	}
	r.pass(23 * time.Hour)
	refused() // seen again: the day begins again
	r.pass(23 * time.Hour)
	if problem() == "" {
		t.Error("gone within a day")
	}
	r.pass(2 * time.Hour)
	if got := problem(); got != "" {
		t.Errorf("after a day: %q", got)
	}
	refused()
	if v := r.change(a, AgentChange{}); v.Problem != "" {
		t.Errorf("after somebody looked: %q", v.Problem)
	}
	refused()
	if problem() == "" {
		t.Error("not shown when it came again")
	}
}

// TestClockSkew is how far the agent is ahead.
func TestClockSkew(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	skew := func() *time.Duration {
		v, err := r.s.Agent(t.Context(), a.id)
		must(t, err)
		return v.ClockSkew
	}
	if skew() != nil {
		t.Error("known before its first Hello")
	}
	a.now = func() time.Time { return r.clock().Add(-3 * time.Minute) }
	a.hello("s1")
	if got := skew(); got == nil || got.Round(time.Second) != -3*time.Minute {
		t.Errorf("skew %v", got)
	}
}
