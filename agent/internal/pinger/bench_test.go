package pinger

import (
	"sync"
	"testing"
	"time"

	"borgfleet/shared/job"
)

// BenchmarkLook is one look at 500 backups of one schedule and repository that are kept
// while the controller is away. ms-first is the one that finds how they have ended.
func BenchmarkLook(b *testing.B) {
	h := newHost(b)
	for range 500 {
		h.ends(h.job(nil), job.Completed)
	}
	h.passes(time.Hour)
	p := h.pinger()
	var calls sync.WaitGroup
	began := time.Now()
	p.look(b.Context(), &calls)
	first := time.Since(began)
	for b.Loop() {
		p.look(b.Context(), &calls)
	}
	b.ReportMetric(float64(first.Milliseconds()), "ms-first")
}
