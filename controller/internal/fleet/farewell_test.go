package fleet

import (
	"context"
	"testing"
	"time"

	"connectrpc.com/connect"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/version"
	"borgfleet/shared/wire"
)

// TestFarewell: no two agents at once, no more a second than a controller can
// greet, and nobody stays away so long that his jobs lose their places.
func TestFarewell(t *testing.T) {
	for _, n := range []int{0, 1, 3, 250, 10_000, 100_000} {
		f := newFarewell(n)
		seen := map[time.Duration]bool{}
		perSecond := map[time.Duration]int{}
		var last time.Duration
		for range n {
			d := f.next()
			seen[d] = true
			perSecond[d/time.Second]++
			last = max(last, d)
			if d < backSoonest || d >= job.ContactLost {
				t.Fatalf("%d agents: one is told %s", n, d)
			}
		}
		if len(seen) != n {
			t.Errorf("%d agents have %d times", n, len(seen))
		}
		for at, agents := range perSecond {
			if n <= 10_000 && agents > 250 {
				t.Errorf("%d agents: %d come in second %d", n, agents, at/time.Second)
			}
		}
		if n == 10_000 && last > 45*time.Second {
			t.Errorf("the last of %d is told %s", n, last)
		}
		if late := f.next(); late < backSoonest || late >= job.ContactLost {
			t.Errorf("after %d agents a late one is told %s", n, late)
		}
	}
}

// wentAway gives what a stream or a call that ended with a farewell says.
func wentAway(t *testing.T, what string, err error) time.Duration {
	t.Helper()
	after, told := wire.ComeBack(err, time.Hour)
	if !told || connect.CodeOf(err) != connect.CodeUnavailable {
		t.Fatalf("%s ended with %v", what, err)
	}
	return after
}

// TestStopTellsEachAgentItsTime: on both streams, and to those who come while the
// controller stops.
func TestStopTellsEachAgentItsTime(t *testing.T) {
	r := newRig(t)
	puppets := []*puppet{r.agent("a"), r.agent("b"), r.agent("c")}
	for _, p := range puppets {
		p.connect("s-" + p.id)
	}
	r.s.endSessions()
	told := map[time.Duration]bool{}
	for _, p := range puppets {
		d := wentAway(t, "report", within(t, p.broke))
		if other := wentAway(t, "watch", within(t, p.watchBroke)); other != d {
			t.Errorf("one agent is told %s and %s", d, other)
		}
		if d < backSoonest || d > backSoonest+time.Second {
			t.Errorf("told %s", d)
		}
		told[d] = true
	}
	if len(told) != len(puppets) {
		t.Errorf("times %v", told)
	}
	late := puppets[0]
	_, err := late.client.Hello(context.Background(), &fleetv1.HelloRequest{Protocol: version.Protocol, StateId: "s-" + late.id})
	wentAway(t, "a Hello that comes late", err)
	if r.s.online(late.id) {
		t.Error("an epoch began while the controller stops")
	}
}

func within(t *testing.T, broke <-chan error) error {
	t.Helper()
	select {
	case err := <-broke:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("the stream goes on")
		return nil
	}
}

// TestStopAnswersWhoWaits: no agent will come to end what they wait for.
func TestStopAnswersWhoWaits(t *testing.T) {
	r := newRig(t)
	r.s.set.CancelWait = time.Hour
	p := r.agent("a")
	repo := r.repository(p, "/r")
	p.connect("s")
	j := r.start(repo.Path, p.id)
	p.order(j.ID)
	answered := make(chan CancelResult, 1)
	go func() {
		res, err := r.s.Cancel(context.Background(), j.ID, "test")
		if err != nil {
			t.Error(err)
		}
		answered <- res
	}()
	r.await("the wish is written down", func() bool { return r.job(j.ID).CancelRequested })
	r.s.endSessions()
	select {
	case res := <-answered:
		if res.Ended {
			t.Error("says that it has ended")
		}
	case <-time.After(10 * time.Second):
		t.Error("no answer")
	}
}

// TestDrainingHost: its jobs wait, and say for what, until it takes them again.
func TestDrainingHost(t *testing.T) {
	r := newRig(t)
	p := r.agent("a")
	repo := r.repository(p, "/r")
	p.connect("s")
	say := func(draining bool) {
		t.Helper()
		must(t, p.stream.Send(&fleetv1.ReportRequest{Draining: draining}))
		r.await("the controller hears of the drain", func() bool { return r.s.draining(p.id) == draining })
	}
	say(true)
	j := r.start(repo.Path, p.id)
	if j.Sent || r.waiting(j.ID) != waitDraining {
		t.Errorf("sent %v, waits for %q", j.Sent, r.waiting(j.ID))
	}
	r.pass(time.Second)
	if j = r.job(j.ID); j.Sent {
		t.Error("the sweep has sent it")
	}
	say(false)
	p.order(j.ID)
	if got := r.waiting(j.ID); got != waitAccepted {
		t.Errorf("waits for %q", got)
	}
	say(true) // its host keeps what it was sent
	if got := r.waiting(j.ID); got != waitDraining {
		t.Errorf("waits for %q", got)
	}
	// A new epoch begins with what the Hello says.
	p.disconnect()
	_, err := p.client.Hello(t.Context(), &fleetv1.HelloRequest{Protocol: version.Protocol, StateId: "s", Draining: true})
	must(t, err)
	if !r.s.draining(p.id) {
		t.Error("the Hello's word is not taken")
	}
}
