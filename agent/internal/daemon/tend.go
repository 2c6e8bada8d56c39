package daemon

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"borgfleet/agent/internal/jobdir"
)

// respawnAfter is the shortest pause before a job process that died without a
// verdict is started again; it doubles up to respawnAtMost, so that one that
// cannot live does not eat the host.
const (
	respawnAfter  = 50 * time.Millisecond
	respawnAtMost = time.Minute
)

// tended is one job directory that the daemon looks after.
type tended struct {
	dir  *jobdir.Dir
	size int // of its spec

	over  bool // it has ended; guarded by Daemon.mu
	word  bool // the controller or a person has spoken on an announced job; guarded by Daemon.mu
	place bool // it has its place on the host; guarded by Daemon.mu
	slot  bool // of the host's slots, if it has a place; guarded by Daemon.mu
	// waiting: when last looked at it waited for its repository; guarded by Daemon.mu
	waiting bool

	unnoted   bool // it was said that the controller's word cannot be noted; guarded by Daemon.mu
	insisting bool // a wish to cancel waits for the disk; guarded by Daemon.mu
	lacking   bool // the controller lacks something of it, by its newest word; guarded by Daemon.mu
}

func newTended(dir *jobdir.Dir) *tended { return &tended{dir: dir, size: specSize(dir)} }

// release tells a job that there is a word on it: it may start, or should end.
func (d *Daemon) release(t *tended) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t.word = true
	d.announce()
}

// cancelled says whether somebody wants the job ended, as far as that can be read.
func (t *tended) cancelled() bool {
	want, err := t.dir.Desired()
	return err == nil && want == jobdir.Cancel
}

// tend looks after a job until it has a verdict. Daemon restart, crash of the
// job process and a fresh order all come down to the same loop: whoever finds
// the lock free and no verdict starts a job process, and that process finds
// out from the directory what there is to do.
func (d *Daemon) tend(ctx context.Context, t *tended) {
	d.wg.Go(func() {
		if t.dir.Ended() {
			t.dir.RemovePipes() // its job process may have died before it did so
			t.dir.RemoveScratches()
			d.touch(t.dir.Key())
			return
		}
		if !d.awaitWord(ctx, t) {
			return
		}
		defer d.leave(t)
		// Not before: a host has few watches, and who waits changes by our hand only.
		d.touch(t.dir.Key())
		stop := d.watchDir(ctx, t)
		defer stop()
		// While no job process runs, these keep what borg writes alive.
		pipes, err := t.dir.HoldPipes()
		if err != nil {
			d.log.Error("hold borg's pipes", "job", t.dir.Key(), "err", err)
		} else {
			defer pipes.Close()
		}
		pause := respawnAfter
		for ctx.Err() == nil && !t.dir.Ended() {
			started := time.Now()
			if err := d.runProcess(ctx, t.dir); err != nil && ctx.Err() == nil {
				d.log.Error("job process", "job", t.dir.Key(), "err", err)
			}
			if t.dir.Ended() || ctx.Err() != nil {
				break
			}
			if time.Since(started) > respawnAtMost {
				pause = respawnAfter
			}
			d.log.Warn("job process ended without a verdict; starting another", "job", t.dir.Key(), "in", pause)
			wait(ctx, pause/2+rand.N(pause))
			if pause = min(2*pause, respawnAtMost); pause == respawnAtMost {
				d.leave(t) // one that cannot live must not keep the others waiting
			}
		}
		d.touch(t.dir.Key())
		if t.dir.Ended() {
			d.followUp(t.dir)
			d.lookSoon()
			d.turnSoon()
		}
	})
}

// runProcess starts the job's process, or finds one that an earlier daemon
// started, and waits until it is gone.
func (d *Daemon) runProcess(ctx context.Context, dir *jobdir.Dir) error {
	lock, err := dir.TryLock()
	if errors.Is(err, jobdir.ErrLocked) {
		return dir.WaitUnlocked(ctx)
	}
	if err != nil {
		return err
	}
	cmd := d.o.Spawn(dir, lock)
	err = cmd.Start()
	// The process has its own copy: the lock stays held until that one closes.
	lock.Close()
	if err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() { // also reaps it when this daemon is told to end meanwhile
		cmd.Wait()
		close(exited)
	}()
	select {
	case <-exited:
		return nil
	case <-ctx.Done():
		return nil
	}
}

// watchDir tells the link of every change in the directory.
func (d *Daemon) watchDir(ctx context.Context, t *tended) (stop func()) {
	w, err := t.dir.Watch()
	if err != nil {
		// Without inotify (a limit of the host's) changes are looked for.
		d.log.Warn("cannot watch job directory; looking every second instead", "job", t.dir.Key(), "err", err)
		return d.poll(ctx, t)
	}
	done := make(chan struct{})
	d.wg.Go(func() {
		for {
			select {
			case <-done:
				return
			case _, ok := <-w.C():
				if !ok {
					return
				}
				d.hear(t)
			}
		}
	})
	return func() {
		close(done)
		w.Close()
	}
}

// hear looks at a change in a job's directory. One that waits for its repository
// now has left its place to others.
func (d *Daemon) hear(t *tended) {
	d.touch(t.dir.Key())
	waits := t.waits()
	d.mu.Lock()
	defer d.mu.Unlock()
	if waits && !t.waiting {
		d.announce()
	}
	t.waiting = waits
}

func (d *Daemon) poll(ctx context.Context, t *tended) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	d.wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				d.hear(t)
			}
		}
	})
	return cancel
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
