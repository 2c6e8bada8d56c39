package jobproc

import (
	"context"
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/clock"
	"borgfleet/shared/job"
)

// maskTime is how long an adopted borg's pipes may wait for the passphrase that
// is to be masked in what it says.
const maskTime = 5 * time.Second

// resume goes on with a job whose borg was, or was about to be, executed by
// another process. borg is never executed again.
func (p *process) resume(s jobdir.Started) (job.Verdict, error) {
	p.remind()
	if s.BootID != p.bootID {
		p.say(job.LevelWarning, "The host was restarted while the job ran; what borg said last may be missing here")
		return p.verify(s, borg.Outcome{Kind: p.spec.Kind, Cancelled: p.cancelled()}, false)
	}
	r, err := p.adopt(s)
	if err != nil {
		return job.Verdict{}, err
	}
	if r.exitKnown {
		return p.settleAdopted(r)
	}
	o := r.outcome()
	if v := borg.Classify(o); v.Status.Good() {
		// borg printed the archive, which it does after it is saved.
		v, _, err := p.settle(r)
		return v, err
	}
	if p.shutdown() {
		return job.Verdict{}, errShutdown // looked up after the next boot
	}
	if r.unread {
		p.say(job.LevelWarning, "Nobody saw how borg ended, so what borg said last may be missing here")
	}
	return p.verify(s, o, r.terminated)
}

// remind finds out again what an earlier process knew of the host.
func (p *process) remind() {
	// Only for looking things up and for hooks; what is missing is missed there.
	if err := p.loadHost(); err != nil {
		p.log.Warn("read configuration", "err", err)
	}
	// Before the first line of an adopted borg is journalled, to be masked.
	// A command that hangs must not keep borg's pipes waiting.
	ctx, cancel := context.WithTimeout(p.life, maskTime)
	defer cancel()
	if err := p.openPassphrase(ctx); err != nil {
		p.log.Warn("lines of borg's are not masked", "err", err)
	}
}

// settleAdopted judges a run whose exit status an earlier process left behind.
func (p *process) settleAdopted(r *run) (job.Verdict, error) {
	v, then, err := p.settle(r)
	if err != nil || then == over {
		return v, err
	}
	if then == later {
		p.awaitTurn(1)
	}
	return p.begin()
}

// adopt follows a borg that another process started, to its end, and reads what
// that process left in the spool.
func (p *process) adopt(s jobdir.Started) (*run, error) {
	// The pipes are opened before anything else: once borg has gone, and
	// nobody has them open, their contents go too.
	r, err := p.newRun(s)
	if err != nil {
		return nil, err
	}
	defer r.close()
	r.off = r.errs.SkipHole(s.SpoolStart)
	r.hole = r.off < r.known
	r.cut = r.off > s.SpoolStart
	running := p.dir.BorgRunning()
	if running {
		p.say(job.LevelWarning, "The job process was restarted; borg is still running and is followed on")
	}
	r.meter = borg.NewMeter(s.StartedAt, p.expected())
	p.showStarted(r, running)
	p.attend(r, running)
	if e, err := p.dir.Exit(s); err != nil {
		p.log.Warn("read exit status", "err", err)
	} else if e != nil {
		r.exit = borg.Exit{Code: e.Code, Signal: syscall.Signal(e.Signal)}
		r.exitKnown, r.ended = true, e.At
	}
	r.unread = !running && !r.exitKnown
	return r, nil
}

// attend follows an adopted borg, and ends it when the job should stop.
func (p *process) attend(r *run, running bool) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if err := p.dir.WaitBorgGone(context.Background()); err != nil {
			p.log.Error("wait for borg", "err", err)
		}
	}()
	ending := make(chan struct{})
	go func() {
		defer close(ending)
		select {
		case <-p.stop.Done():
			if running {
				p.terminate(gone)
			}
		case <-gone:
		}
	}()
	r.follow(gone)
	<-gone
	<-ending
	if running {
		p.calm = r.calmly()
		r.ended = clock.Now()
		r.terminated = p.stop.Err() != nil
	}
}

// terminate ends a borg that is not our child, by the lock that it holds: SIGTERM,
// and SIGKILL after the grace period.
func (p *process) terminate(gone <-chan struct{}) {
	p.signal(unix.SIGTERM)
	t := time.NewTimer(p.c.Grace)
	defer t.Stop()
	select {
	case <-gone:
	case <-t.C:
		p.signal(unix.SIGKILL)
	}
}

func (p *process) signal(sig unix.Signal) {
	holders, err := p.dir.BorgHolders()
	if err != nil {
		p.log.Error("find borg", "err", err)
	}
	for _, h := range holders {
		if err := h.Signal(sig); err != nil && !errors.Is(err, unix.ESRCH) {
			p.log.Error("signal borg", "signal", sig, "err", err)
		}
		h.Close()
	}
}
