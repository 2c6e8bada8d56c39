package jobdir

import (
	"sync"
	"time"

	"borgfleet/shared/job"
)

// statusEvery is the least time between two writes of mere progress.
const statusEvery = time.Second

// Registrar writes the register beside everything else: whoever sets a value
// never waits for the disk. The first value and each change of phase or reason
// are written at once and synced; progress at most once a second, unsynced.
type Registrar struct {
	dir *Dir

	mu      sync.Mutex // guards what follows
	value   job.Register
	pending bool // value is not written
	urgent  bool // and is to be written at once, synced
	closed  bool
	waiters []chan struct{}
	err     error // of the newest write

	wake chan struct{}
	done chan struct{}
}

// OpenRegister starts a new incarnation: the caller holds the lock. Its first
// value is synced before anybody can see it, so an incarnation is never used
// again after a power cut.
func (d *Dir) OpenRegister() (*Registrar, error) {
	r, err := d.status()
	if err != nil {
		return nil, err
	}
	r.Incarnation, r.Version, r.Verdict = r.Incarnation+1, 0, nil
	g := &Registrar{dir: d, value: r, urgent: true, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go g.run()
	return g, nil
}

// Value is the newest value, written or not.
func (g *Registrar) Value() job.Register {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.value
}

// Change sets a new value.
func (g *Registrar) Change(change func(*job.Register)) {
	g.mu.Lock()
	old := g.value
	change(&g.value)
	g.value.Incarnation, g.value.Version = old.Incarnation, old.Version+1
	g.pending = true
	if g.value.Phase != old.Phase || g.value.Reason != old.Reason || g.value.BorgRunning != old.BorgRunning {
		g.urgent = true
	}
	g.mu.Unlock()
	g.poke()
}

// Flush waits until the newest value is written.
func (g *Registrar) Flush() error {
	c := make(chan struct{})
	g.mu.Lock()
	if !g.pending || g.closed {
		err := g.err
		g.mu.Unlock()
		return err
	}
	g.urgent = true
	g.waiters = append(g.waiters, c)
	g.mu.Unlock()
	g.poke()
	<-c
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// Close ends the writer. What was not written yet is dropped: after the
// verdict nobody needs it, and before it the caller flushes.
func (g *Registrar) Close() {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return
	}
	g.closed = true
	g.mu.Unlock()
	g.poke()
	<-g.done
}

func (g *Registrar) poke() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

func (g *Registrar) run() {
	defer close(g.done)
	var last time.Time // of progress: the first is written at once
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-g.wake:
		case <-timer.C:
		}
		wait, stop := g.step(&last)
		if stop {
			return
		}
		timer.Reset(wait)
	}
}

// step writes the value if it is due, and says how long nothing is to do.
func (g *Registrar) step(last *time.Time) (wait time.Duration, stop bool) {
	g.mu.Lock()
	if g.closed {
		g.wakeWaiters()
		g.mu.Unlock()
		return 0, true
	}
	since := time.Since(*last)
	if !g.pending {
		g.mu.Unlock()
		return time.Hour, false
	}
	if !g.urgent && since < statusEvery {
		g.mu.Unlock()
		return statusEvery - since, false
	}
	value, write := g.value, g.dir.writeProgress
	if g.urgent {
		write = g.dir.writeStatus
	}
	wasUrgent := g.urgent
	g.pending, g.urgent = false, false
	waiters := g.waiters
	g.waiters = nil
	g.mu.Unlock()

	err := write(value)
	if !wasUrgent || err != nil {
		*last = time.Now()
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
	if err != nil { // a full disk: again with the next second
		g.pending, g.urgent = true, g.urgent || wasUrgent
		wait = statusEvery
	} else if g.pending {
		wait = 0
	} else {
		wait = time.Hour
	}
	for _, c := range waiters {
		close(c)
	}
	return wait, false
}

// wakeWaiters is called with mu held.
func (g *Registrar) wakeWaiters() {
	for _, c := range g.waiters {
		close(c)
	}
	g.waiters = nil
}
