package jobproc

import (
	"context"
	"errors"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/clock"
	"borgfleet/shared/job"
)

// verify finds out what came of a run whose end nobody saw. It takes as long as
// the repository is out of reach: until then the job is running, and no guess is
// made.
func (p *process) verify(s jobdir.Started, o borg.Outcome, terminated bool) (job.Verdict, error) {
	if s.BootID == p.bootID {
		ctx, end := context.WithTimeout(p.life, burialTime)
		p.dir.WaitBorgBuried(ctx)
		end()
	}
	if w, ok := p.work.(remembered); ok {
		v := w.lookBack(p, s, o)
		p.freeLock()
		return p.told(s, o, found{verdict: &v}, terminated), nil
	}
	p.reg.Change(func(g *job.Register) {
		g.Phase, g.Reason = job.PhaseVerifying, "verifying"
		g.StartedAt, g.ArchiveName, g.BorgVersion = s.StartedAt, s.ArchiveName, s.BorgVersion
		g.BorgRunning = false
	})
	said := map[string]bool{}
	for n := 1; ; n++ {
		f, err := p.lookUp(s, o)
		if p.life.Err() != nil {
			return job.Verdict{}, errShutdown
		}
		if err == nil {
			return p.told(s, o, f, terminated), nil
		}
		if p.cancelled() {
			return p.unverified(s, err), nil
		}
		// Each kind of reason once: days of the same one would be all that the
		// log holds, and a person must see when it became another one.
		if code := codeOf(err); !said[code] {
			said[code] = true
			p.say(job.LevelWarning, "Whether the interrupted job finished cannot be looked up yet; trying again until it can: %v%s", err, p.wayOut(err))
		}
		sleep(p.stop, p.c.VerifyWait.after(n)) // a wish that comes meanwhile is answered at once
	}
}

// burialTime is for a first process that does not bury the dead, as in some
// containers: there a killed borg's lock stays.
const burialTime = 2 * time.Second

// unverified ends a job whose outcome cannot be looked up and that somebody
// does not want to wait for any longer. It is not called cancelled: that would
// say that there is no archive.
func (p *process) unverified(s jobdir.Started, why error) job.Verdict {
	msg := "the job was interrupted, and cancelled before it could be looked up whether it had finished: " + why.Error()
	if s.ArchiveName != "" {
		msg += "; look for the archive " + s.ArchiveName
	}
	return job.Verdict{
		Status: job.Failed, ErrorCode: job.CodeUnverified, ErrorMessage: msg,
		StartedAt: s.StartedAt, EndedAt: clock.Now(), ArchiveName: s.ArchiveName, BorgVersion: s.BorgVersion,
	}
}

// wayOut says what a person has to do who alone can make a look-up possible.
func (p *process) wayOut(err error) string {
	if borg.CodeOf(err) != borg.CodeRepoRelocated {
		return ""
	}
	return "; " + borg.AcceptRelocated(p.host, p.tool, p.spec.Repository.Path)
}

// errNoAnswer ends a look-up that somebody does not want to wait for.
var errNoAnswer = errors.New("the repository did not answer")

// patience ends with the host, and a grace period after a wish to cancel: long
// enough for a repository that answers at all, and a server that hangs does not
// hold the wish until ssh gives up.
func (p *process) patience(late error) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(p.life)
	detach := context.AfterFunc(p.stop, func() {
		if sleep(ctx, p.c.Grace) {
			cancel(late)
		}
	})
	return ctx, func() {
		detach()
		cancel(nil)
	}
}

func (p *process) lookUp(s jobdir.Started, o borg.Outcome) (found, error) {
	if p.work == nil {
		return found{}, nil
	}
	ctx, end := p.patience(errNoAnswer)
	defer end()
	f, err := p.askFor(ctx, s, o)
	if err != nil && ctx.Err() != nil {
		// What borg said at its end was only our own signal's doing.
		err = context.Cause(ctx)
	}
	return f, err
}

func (p *process) askFor(ctx context.Context, s jobdir.Started, o borg.Outcome) (found, error) {
	if err := p.reachable(ctx); err != nil {
		return found{}, err
	}
	return p.work.lookUp(ctx, p, s, o)
}

// reachable brings together what any question to the repository takes: another
// process may have begun this job.
func (p *process) reachable(ctx context.Context) error {
	if err := p.loadHost(); err != nil {
		return err
	}
	if err := p.findBorg(ctx); err != nil {
		return err
	}
	return p.openPassphrase(ctx)
}

// told makes the verdict of what the repository said.
func (p *process) told(s jobdir.Started, o borg.Outcome, f found, terminated bool) job.Verdict {
	v := job.Verdict{}
	if f.verdict != nil {
		v = *f.verdict
		if o.ExitKnown {
			o.Cancelled = p.cancelled()
			v.ErrorCode, v.ErrorMessage = borg.LateEnd(o)
		}
		v.ProcessTerminated = terminated && v.Status == job.Cancelled
	} else {
		o.Cancelled = p.cancelled()
		o.Stdout = nil
		v = borg.Classify(o)
		v.ProcessTerminated = terminated && v.Status == job.Cancelled
		if v.Status == job.Failed && p.spec.Kind == job.Backup {
			v.ErrorMessage += "; the repository has no archive of this job"
		}
		if f.because != "" {
			v.ErrorMessage += " (" + f.because + ")"
		}
	}
	v.StartedAt, v.BorgVersion = s.StartedAt, s.BorgVersion
	if v.EndedAt.IsZero() {
		v.EndedAt = clock.Now()
	}
	return v
}
