package jobproc

import (
	"context"
	"errors"
	"time"

	"borgfleet/agent/internal/jobdir"
)

// Why a job should stop.
var (
	errCancelled = errors.New("cancelled")
	errShutdown  = errors.New("the host is shutting down")
)

// watchWishes returns a context that ends when the job should: the daemon
// wrote a wish, or ctx ended because the host shuts down. The first reason is
// the one that counts.
func (p *process) watchWishes(ctx context.Context) (stop context.Context, end func(), err error) {
	w, err := p.dir.WatchWishes()
	if err != nil {
		// Without inotify (a limit of the host's) the wish is looked for.
		p.log.Warn("cannot watch for wishes, looking instead", "err", err)
	}
	stop, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, func() { cancel(errShutdown) })
	// Looked at after the watch is set: nothing falls in between. And before
	// anything is begun: a job that was cancelled before this process came
	// must not start.
	p.checkWish(cancel)
	go p.followWishes(stop, w, cancel)
	return stop, func() {
		detach()
		cancel(nil)
		if w != nil {
			w.Close()
		}
	}, nil
}

func (p *process) followWishes(stop context.Context, w *jobdir.Watcher, cancel context.CancelCauseFunc) {
	var changed <-chan struct{}
	every := time.Minute // in case the watch breaks
	if w != nil {
		changed = w.C()
	} else {
		every = 100 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-stop.Done():
			return
		case _, ok := <-changed:
			if !ok {
				changed = nil
				tick.Reset(100 * time.Millisecond)
			}
		case <-tick.C:
		}
		p.checkWish(cancel)
	}
}

func (p *process) checkWish(cancel context.CancelCauseFunc) {
	want, err := p.dir.Desired()
	if err != nil {
		p.log.Error("read wish", "err", err)
	}
	if want == jobdir.Cancel {
		cancel(errCancelled)
	}
}

// cancelled says whether somebody wants the job ended.
func (p *process) cancelled() bool { return context.Cause(p.stop) == errCancelled }

// shutdown says whether the host ends.
func (p *process) shutdown() bool { return context.Cause(p.stop) == errShutdown }
