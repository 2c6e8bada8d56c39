package main

import (
	"slices"
	"testing"
	"time"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

func without(all []*play, one *play) []*play {
	return slices.DeleteFunc(slices.Clone(all), func(p *play) bool { return p == one })
}

func answerNext(p *play, next uint64) *fleetv1.JobAnswer {
	return &fleetv1.JobAnswer{Key: p.key[:], Id: p.id, Next: next, Action: fleetv1.JobAnswer_ACTION_KEEP}
}

// TestSameSeedSamePlans, and every host and job has its own.
func TestSameSeedSamePlans(t *testing.T) {
	r := rates{shortest: time.Second, longest: time.Minute, lines: 10, burst: 100}
	seen := map[plan]bool{}
	for host := range uint64(50) {
		for nth := range uint64(20) {
			p := draw(3, host, nth, r)
			if p != draw(3, host, nth, r) {
				t.Fatalf("job %d of host %d is another one the second time", nth, host)
			}
			if seen[p] {
				t.Fatalf("job %d of host %d is one that was there before", nth, host)
			}
			seen[p] = true
		}
	}
	if draw(3, 1, 1, r) == draw(4, 1, 1, r) {
		t.Error("the seed changes nothing")
	}
}

// TestAddresses: each host has its own, none is anybody else's, and none is the
// last of its network.
func TestAddresses(t *testing.T) {
	seen := map[string]bool{}
	for n := range 100_000 {
		a := address(n)
		if text := a.String(); seen[text] || !a.IsLoopback() || a.To4()[1] == 0 {
			t.Fatalf("host %d comes from %s", n, text)
		}
		seen[a.String()] = true
	}
}

// TestSpread: the figures of a sample.
func TestSpread(t *testing.T) {
	var s sample
	for i := range 101 {
		s.add(time.Duration(100-i) * time.Millisecond)
	}
	if got, want := s.spread(), (spread{Count: 101, P50: 50, P99: 99, Max: 100}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := (sample{}).spread(); got != (spread{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

// TestSettledWithTheAnswer: a host is settled by what the controller has said since it
// came back. When it prepared its Hello does not count: with ten thousand hosts that
// was before the controller was there, and a host without jobs has no more to say.
func TestSettledWithTheAnswer(t *testing.T) {
	hello := time.Now()
	up, answered := hello.Add(time.Second), hello.Add(2*time.Second)
	back := func(h *host) { h.came.Store(answered.Add(time.Millisecond).UnixNano()) }
	idle := newHost(&fleet{books: newBooks()}, 1)
	idle.states(hello)
	back(idle)
	if idle.settled(up) {
		t.Error("settled before the controller has said anything")
	}
	idle.resume(nil, answered)
	if !idle.settled(up) {
		t.Error("a host without jobs waits for ever")
	}

	// The last acknowledgement was lost with the controller, which has all of it: it
	// says so in its answer to the Hello, and never again.
	h := newHost(&fleet{books: newBooks(), freed: make(chan *host, 1)}, 2)
	p := h.add(job.Key{1}, &fleetv1.JobSpec{Kind: string(job.Backup)}, hello)
	p.id = 7
	p.end(job.Failed, hello)
	h.states(hello)
	forget := &fleetv1.JobAnswer{Key: p.key[:], Id: 7, Next: p.made + 1, Action: fleetv1.JobAnswer_ACTION_FORGET}
	back(h)
	h.resume(nil, answered)
	if h.settled(up) {
		t.Error("settled with a job that is not acknowledged")
	}
	h.answer(forget, answered)
	if !h.settled(up) || len(h.active) != 0 {
		t.Errorf("with all acknowledged in the Hello's answer: settled %v, %d jobs are kept", h.settled(up), len(h.active))
	}
}
