package main

import (
	"slices"
	"sync"
	"time"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// sample is one thing that was measured many times.
type sample []time.Duration

func (s *sample) add(d ...time.Duration) { *s = append(*s, d...) }

// spread is what is told of a sample.
type spread struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

func (s sample) spread() spread {
	if len(s) == 0 {
		return spread{}
	}
	t := slices.Sorted(slices.Values(s))
	at := func(part float64) float64 { return milliseconds(t[int(part*float64(len(t)-1))]) }
	return spread{Count: len(t), P50: at(0.5), P99: at(0.99), Max: at(1)}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// figures counts what hosts say and hear.
type figures struct {
	mu       sync.Mutex
	acks     sample // guarded by mu
	lines    uint64 // records that were sent, repeats too; guarded by mu
	statuses uint64 // registers that were sent; guarded by mu
}

func (f *figures) acknowledged(took []time.Duration) {
	if len(took) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acks.add(took...)
}

func (f *figures) said(r *fleetv1.JobReport) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines += uint64(len(r.Records))
	if r.Register != nil {
		f.statuses++
	}
}

// take gives what came together since the last time.
func (f *figures) take() (acks sample, lines, statuses uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	acks, lines, statuses = f.acks, f.lines, f.statuses
	f.acks, f.lines, f.statuses = nil, 0, 0
	return acks, lines, statuses
}
