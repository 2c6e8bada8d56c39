package daemon

import (
	"context"
	"errors"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/clock"
	"borgfleet/shared/job"
)

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
		return d.awaitPlace(ctx, t)
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

// awaitPlace keeps a job back while the host drains or is busy, and gives it its
// place.
func (d *Daemon) awaitPlace(ctx context.Context, t *tended) error {
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
// over, for its job process to say so; and on the host's own authority, unless
// only the controller knows what it takes: that no other host is at work, or
// which archives there must be. All of it is within the host's limits. A host
// that drains keeps all but the overdue and the cancelled back.
func (d *Daemon) mayStart(t *tended) (may bool, news <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	alone := !t.dir.Spec().Kind.NeedsController() && d.aloneLocked() && !d.placeTaken(t)
	may = t.brief(d.o.Now()) || !d.draining && (t.word || alone)
	if may && d.settle(t) {
		return true, nil
	}
	return false, d.news
}

// placeTaken says whether another job of this host is at work on the repository:
// with the controller it would not have been let to run beside that. Borg's lock
// keeps two borgs apart, and not what hooks do. mu is held.
func (d *Daemon) placeTaken(t *tended) bool {
	place, _ := job.NormalPath(t.dir.Spec().Repository.Path)
	for _, other := range d.jobs {
		if other == t || other.over || !other.busy() {
			continue
		}
		if at, _ := job.NormalPath(other.dir.Spec().Repository.Path); at == place {
			return true
		}
	}
	return false
}

// settle gives a job its place if there is room; mu is held.
func (d *Daemon) settle(t *tended) bool {
	slot := t.dir.Spec().Kind.NeedsHostSlot() && !t.brief(d.o.Now())
	if d.fits(t, slot) {
		t.place, t.slot = true, slot
	}
	return t.place
}

// brief says that the job's process has nothing to do but to say how it ended.
func (t *tended) brief(now time.Time) bool {
	return !now.Before(t.dir.Spec().StartDeadline) || t.cancelled()
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

// fits says whether there is room for t beside the others; mu is held. It is
// the host's own limit, and holds for whatever is ordered. What needs no slot has
// a limit of its own, which nobody meets who means well.
func (d *Daemon) fits(t *tended, slot bool) bool {
	most := besideAtOnce
	if slot {
		most = d.o.MaxParallel
	}
	busy := 0
	for _, other := range d.jobs {
		if other != t && !other.over && other.takesSlot() == slot && other.busy() {
			if busy++; busy == most {
				return false
			}
		}
	}
	return true
}

// busy says whether the job takes up the host; the daemon's mu is held. Locks
// tell of those that an earlier daemon started. One that waits for its
// repository costs the host nothing, and whom it waits for may be kept back.
func (t *tended) busy() bool {
	return (t.place || t.dir.Locked() || t.dir.BorgRunning()) && !t.dir.Ended() && !t.waits()
}

func (t *tended) takesSlot() bool {
	if t.place {
		return t.slot
	}
	return t.dir.Spec().Kind.NeedsHostSlot()
}

func (t *tended) waits() bool {
	reg, err := t.dir.Register()
	return err == nil && (reg.Phase == job.PhaseWaiting || reg.Phase == job.PhaseVerifying)
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
	left := min(t.dir.Spec().StartDeadline.Sub(now), clock.Unheard)
	if linked, lostAt := d.Linked(); !linked {
		left = min(left, max(d.o.OwnAuthority-now.Sub(lostAt), time.Second))
	}
	return left
}
