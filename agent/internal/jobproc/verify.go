package jobproc

import (
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// verify finds out what came of a run whose end nobody saw. It takes as long as
// the repository is out of reach: until then the job is running, and no guess is
// made.
func (p *process) verify(s jobdir.Started, o borg.Outcome, terminated bool) (job.Verdict, error) {
	p.reg.Change(func(g *job.Register) {
		g.Phase, g.Reason = job.PhaseVerifying, "verifying"
		g.StartedAt, g.ArchiveName, g.BorgVersion = s.StartedAt, s.ArchiveName, s.BorgVersion
		g.BorgRunning = false
	})
	for n := 1; ; n++ {
		f, err := p.lookUp(s)
		if p.life.Err() != nil {
			return job.Verdict{}, errShutdown
		}
		if err == nil {
			return p.told(s, o, f, terminated), nil
		}
		if p.cancelled() {
			return p.unverified(s, err), nil
		}
		if n == 1 {
			p.say(job.LevelWarning, "Whether the interrupted job finished cannot be looked up yet; trying again until it can: %v", err)
		}
		sleep(p.stop, p.c.VerifyWait.after(n)) // a wish that comes meanwhile is answered at once
	}
}

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
		StartedAt: s.StartedAt, EndedAt: time.Now(), ArchiveName: s.ArchiveName, BorgVersion: s.BorgVersion,
	}
}

func (p *process) lookUp(s jobdir.Started) (found, error) {
	if p.work == nil {
		return found{}, nil
	}
	if err := p.loadHost(); err != nil {
		return found{}, err
	}
	if err := p.findBorg(); err != nil {
		return found{}, err
	}
	if err := p.openPassphrase(); err != nil {
		return found{}, err
	}
	return p.work.lookUp(p.life, p, s)
}

// told makes the verdict of what the repository said.
func (p *process) told(s jobdir.Started, o borg.Outcome, f found, terminated bool) job.Verdict {
	v := job.Verdict{}
	if f.verdict != nil {
		v = *f.verdict
	} else {
		o.Cancelled = p.cancelled()
		o.ExitKnown, o.Stdout = false, nil
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
		v.EndedAt = time.Now()
	}
	return v
}
