package daemon

import (
	"context"
	"errors"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// lookAtLeast bounds how long an announced job sleeps: timers stand still while
// the host is suspended, the clock that its deadline is told by does not.
const lookAtLeast = time.Minute

// awaitWord holds an announced job back until it may start, and gives the job
// its place on the host. Only the end of ctx keeps it from that: a disk that
// fails now may work in a second, and nobody else would look after the job.
func (d *Daemon) awaitWord(ctx context.Context, t *tended) bool {
	said := ""
	for {
		err := d.admit(ctx, t)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			return true
		}
		d.leave(t) // nobody should wait for a job that cannot start
		if err.Error() != said {
			said = err.Error()
			d.log.Error("job cannot be started; trying again", "job", t.dir.Key(), "err", err)
		}
		wait(ctx, d.again)
	}
}

// admit is one attempt of awaitWord.
func (d *Daemon) admit(ctx context.Context, t *tended) error {
	reg, err := t.dir.Register()
	if err != nil {
		return err
	}
	if reg.Phase != job.PhaseAnnounced {
		return d.awaitDrain(ctx, t)
	}
	for {
		may, news := d.mayStart(t)
		if may {
			return accept(t.dir)
		}
		if !d.waitForNews(ctx, t, news) {
			return ctx.Err()
		}
	}
}

// awaitDrain keeps a job back while the host drains, and gives it its place.
func (d *Daemon) awaitDrain(ctx context.Context, t *tended) error {
	for {
		news, err := d.mustWait(t)
		if err != nil || news == nil {
			return err
		}
		if !d.waitForNews(ctx, t, news) {
			return ctx.Err()
		}
	}
}

// accept writes down that the job may start now.
func accept(dir *jobdir.Dir) error {
	lock, err := dir.TryLock()
	if errors.Is(err, jobdir.ErrLocked) {
		return nil // a job process has it already
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	return dir.Update(func(r *job.Register) { r.Phase, r.Reason = job.PhaseAccepted, "" })
}

// mayStart decides, and takes the job's place on the host in the same step: two
// jobs that ask at the same moment must not both find the last one free. news
// closes when it is worth asking again.
//
// A job starts on the word of the controller or a person; when its deadline is
// over, for its job process to say so; and on the host's own authority, within
// the host's limit, unless only the controller knows what it takes: that no other
// host is at work, or which archives there must be. A host that drains keeps all
// but the overdue and the cancelled back.
func (d *Daemon) mayStart(t *tended) (may bool, news <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	overdue := !d.o.Now().Before(t.dir.Spec().StartDeadline)
	may = t.word || !t.dir.Spec().Kind.NeedsController() && d.aloneLocked() && d.fits(t)
	if d.draining {
		may = t.cancelled()
	}
	if may || overdue {
		t.place = true
		return true, nil
	}
	return false, d.news
}

// alone: no contact for so long that the host decides by itself.
func (d *Daemon) alone() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.aloneLocked()
}

func (d *Daemon) aloneLocked() bool {
	return !d.linked && d.o.Now().Sub(d.lostAt) >= d.o.OwnAuthority
}

// fits says whether there is room for t beside the others; mu is held.
func (d *Daemon) fits(t *tended) bool {
	if !t.dir.Spec().Kind.NeedsHostSlot() {
		return true
	}
	busy := 0
	for _, other := range d.jobs {
		if other != t && other.busy() {
			busy++
		}
	}
	return busy < d.o.MaxParallel
}

// busy says whether the job takes up the host; the daemon's mu is held. Locks
// tell of those that an earlier daemon started.
func (t *tended) busy() bool {
	return t.dir.Spec().Kind.NeedsHostSlot() && !t.dir.Ended() && (t.place || t.dir.Locked() || t.dir.BorgRunning())
}

// leave gives the place back.
func (d *Daemon) leave(t *tended) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.place {
		t.place = false
		d.announce()
	}
}

// announce wakes the announced jobs; mu is held.
func (d *Daemon) announce() {
	close(d.news)
	d.news = make(chan struct{})
}

// waitForNews waits for anything that may change the decision.
func (d *Daemon) waitForNews(ctx context.Context, t *tended, news <-chan struct{}) bool {
	tm := time.NewTimer(d.lookAgain(t))
	defer tm.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-news:
	case <-tm.C:
	}
	return true
}

// lookAgain is when the passing of time alone may change it.
func (d *Daemon) lookAgain(t *tended) time.Duration {
	now := d.o.Now()
	left := min(t.dir.Spec().StartDeadline.Sub(now), lookAtLeast)
	if linked, lostAt := d.Linked(); !linked {
		left = min(left, max(d.o.OwnAuthority-now.Sub(lostAt), time.Second))
	}
	return left
}
