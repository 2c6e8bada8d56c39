package main

import (
	"slices"
	"testing"
	"time"

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
