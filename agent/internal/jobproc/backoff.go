package jobproc

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff is how long to wait between attempts: First, then twice as long each
// time up to Most, each shortened by up to a half so that hosts which failed
// together do not come back together.
type Backoff struct{ First, Most time.Duration }

func (b Backoff) or(d Backoff) Backoff {
	if b == (Backoff{}) {
		return d
	}
	return b
}

// after is the wait after the n-th attempt, counted from 1.
func (b Backoff) after(n int) time.Duration {
	d := b.First
	for range n - 1 {
		if d >= b.Most {
			break
		}
		d *= 2
	}
	d = min(d, b.Most)
	return d/2 + rand.N(d/2+1)
}

// sleep waits; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
