package main

import (
	"math/rand/v2"
	"time"

	"borgfleet/shared/job"
)

// plan is all that will become of one job. It is drawn from the seed, the host and
// how many jobs the host had before, so the same seed plays the same jobs whatever
// the machine's pace is.
type plan struct {
	seed  uint64        // of its lines and figures
	delay time.Duration // between the order and the start of borg
	ticks int           // seconds that borg runs; a status and lines each

	lines   int // a tick
	burstAt int // tick with a long log; 0: none
	burst   int // lines of it

	outcome  job.Status
	cancelAt int // tick at which a person wants it cancelled; 0: nobody does

	cutAt  int // tick at which the host's link is cut; 0: it is not
	cutFor time.Duration

	repeatAt int // each so many ticks what was acknowledged is said once more; 0: never
}

// rates is how often things happen, and how long jobs last.
type rates struct {
	shortest, longest time.Duration // of borg
	lines             int           // a second of a running job
	burst             int           // lines of a long log
}

// draw makes a plan. Each draw is made whatever came out before, so that what one
// thing costs another does not change.
func draw(seed, host, nth uint64, r rates) plan {
	d := rand.New(rand.NewPCG(seed, host<<32|nth))
	p := plan{seed: d.Uint64(), lines: r.lines, outcome: job.Completed}
	p.delay = time.Duration(d.Int64N(int64(200 * time.Millisecond)))
	shortest, spread := int(r.shortest/time.Second), int((r.longest-r.shortest)/time.Second)
	p.ticks = shortest + d.IntN(spread+1)
	within := 1 + d.IntN(max(p.ticks, 1))
	if d.IntN(20) == 0 {
		p.burstAt, p.burst = within, r.burst/2+d.IntN(r.burst/2+1)
	}
	switch d.IntN(20) {
	case 0, 1:
		p.outcome = job.CompletedWithWarnings
	case 2, 3:
		p.outcome = job.Failed
	}
	within = 1 + d.IntN(max(p.ticks, 1))
	if d.IntN(15) == 0 {
		p.cancelAt = within
	}
	within, span := 1+d.IntN(max(p.ticks, 1)), d.Int64N(int64(4*time.Second))
	if d.IntN(15) == 0 {
		p.cutAt, p.cutFor = within, 300*time.Millisecond+time.Duration(span)
	}
	every := 2 + d.IntN(5)
	if d.IntN(10) == 0 {
		p.repeatAt = every
	}
	return p
}

// atOnce is what an init or a list does.
func (p plan) atOnce() plan {
	return plan{seed: p.seed, delay: p.delay / 20, lines: p.lines, outcome: job.Completed}
}
