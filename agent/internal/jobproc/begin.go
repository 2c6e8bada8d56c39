package jobproc

import (
	"context"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/job"
)

// reasonLocked is what a job shows that waits for a repository's lock.
const reasonLocked = "repository locked"

// begin executes borg for a job that has no start mark. A job whose borg did
// nothing but wait for the repository's lock goes back to waiting.
//
// What is on disk then: while borg runs, the start mark; after a lock timeout
// it is removed, synced, before the register says waiting. So a crash before
// the removal is an interrupted job (looked up, no archive, failed), a crash
// after it is a job that has not begun: it is never executed while a mark
// stands, and never stuck.
func (p *process) begin() (job.Verdict, error) {
	for n := 1; ; n++ {
		if v, over := p.mayNotBegin(n); over {
			return v, nil
		}
		if p.shutdown() {
			return job.Verdict{}, errShutdown
		}
		v, again, err := p.attempt(n)
		if err != nil || !again {
			return v, err
		}
		p.awaitLock(n)
	}
}

// mayNotBegin says whether the job is over before borg is executed.
func (p *process) mayNotBegin(n int) (job.Verdict, bool) {
	if p.cancelled() {
		return job.Verdict{
			Status: job.Cancelled, ErrorCode: job.CodeCancelled, ErrorMessage: "cancelled before borg was started",
		}, true
	}
	if time.Now().Before(p.spec.StartDeadline) {
		return job.Verdict{}, false
	}
	message := "could not start before its deadline " + p.spec.StartDeadline.UTC().Format(time.RFC3339)
	if n > 1 || p.reg.Value().Reason == reasonLocked {
		message += ": the repository stayed locked"
	}
	return job.Verdict{Status: job.Failed, ErrorCode: job.CodeDeadline, ErrorMessage: message}, true
}

// attempt executes borg once. again: it waited for the lock in vain.
func (p *process) attempt(n int) (v job.Verdict, again bool, err error) {
	archive, inv, err := p.plan()
	if p.shutdown() {
		return job.Verdict{}, false, errShutdown
	}
	if err != nil {
		return failed(err), false, nil
	}
	r, err := p.execute(n, archive, inv)
	if err != nil {
		return failed(err), false, nil
	}
	return p.settle(r)
}

// plan is everything before the start mark.
func (p *process) plan() (archive string, inv borg.Invocation, err error) {
	if err := p.prepare(); err != nil {
		return "", inv, err
	}
	if err := p.work.ready(p); err != nil {
		return "", inv, err
	}
	if archive, err = p.work.archive(p); err != nil {
		return "", inv, err
	}
	inv, err = p.work.invocation(p, archive)
	return archive, inv, err
}

// settle judges a run whose end is known.
func (p *process) settle(r *run) (v job.Verdict, again bool, err error) {
	if r.lockedOut() && p.stop.Err() == nil {
		return job.Verdict{}, true, p.giveBack(r)
	}
	v = p.work.judge(p, r)
	v.EndedAt = r.ended
	v.StartedAt = r.started.StartedAt
	if p.shutdown() && !v.Status.Good() {
		v.Status, v.ErrorCode = job.Failed, job.CodeInterrupted
		v.ErrorMessage = "interrupted: its job process was told to end, as at a shutdown of the host"
	}
	return v, false, nil
}

func (p *process) giveBack(r *run) error {
	p.c.at(PointGivenUp)
	p.say(job.LevelWarning, "The repository is locked by somebody else: %s", r.failureText())
	if err := p.dir.GiveBack(); err != nil {
		return err
	}
	p.c.at(PointGivenBack)
	p.reg.Change(func(g *job.Register) {
		*g = job.Register{Phase: job.PhaseWaiting, Reason: reasonLocked}
	})
	return nil
}

// awaitLock waits between two attempts, not beyond the deadline.
func (p *process) awaitLock(n int) {
	wait := p.c.LockedWait.after(n)
	if left := time.Until(p.spec.StartDeadline); left < wait {
		wait = max(left, 0)
	}
	p.say(job.LevelInfo, "Waiting for the repository's lock; next attempt in %s", wait.Round(time.Second/10))
	sleep(p.stop, wait)
}

// boundedWait is a copy of the repository with a short lock wait, for looking
// something up: there the agent itself waits and tries again.
func boundedWait(repo job.Repository) job.Repository {
	repo.LockWait = 5 * time.Second
	return repo
}

// ask runs a short borg command.
func (p *process) ask(ctx context.Context, inv borg.Invocation) (stdout, stderr []byte, exit borg.Exit) {
	return p.tool.Run(ctx, inv, p.pass.copy())
}
