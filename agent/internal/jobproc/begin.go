package jobproc

import (
	"errors"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/clock"
	"borgfleet/shared/job"
)

// What a job shows that was given back.
const (
	reasonLocked = "repository locked"
	reasonNotNow = "not now (hook)"
)

// begin executes borg for a job that has no start mark. A job whose borg did
// nothing but wait for the repository's lock goes back to waiting, and one whose
// borg could not read its own cache begins again with a new one.
//
// What is on disk then: while borg runs, the start mark; after such an end it
// is removed, synced, before the register says waiting. So a crash before
// the removal is an interrupted job (looked up, no archive, failed), a crash
// after it is a job that has not begun: it is never executed while a mark
// stands, and never stuck.
func (p *process) begin() (job.Verdict, error) {
	for n := 1; ; n++ {
		if v, no := p.mayNotBegin(); no {
			return v, nil
		}
		if p.shutdown() {
			return job.Verdict{}, errShutdown
		}
		v, then, err := p.attempt(n)
		if err != nil || then == over {
			return v, err
		}
		if then == later {
			p.awaitTurn(n)
		}
	}
}

// sequel is what comes after an attempt.
type sequel int

const (
	over   sequel = iota // there is a verdict
	later                // it waited for the lock in vain, or a hook said not now: another one, later
	atOnce               // its cache was damaged and is removed: another one
)

// mayNotBegin says whether the job is over before borg is executed.
func (p *process) mayNotBegin() (job.Verdict, bool) {
	if p.cancelled() {
		return job.Verdict{
			Status: job.Cancelled, ErrorCode: job.CodeCancelled, ErrorMessage: "cancelled before borg was started",
		}, true
	}
	if clock.Now().Before(p.spec.StartDeadline) {
		return job.Verdict{}, false
	}
	message := "could not start before its deadline " + p.spec.StartDeadline.UTC().Format(time.RFC3339)
	switch p.reg.Value().Reason {
	case reasonLocked:
		message += ": the repository stayed locked"
	case reasonNotNow:
		message += ": a hook said not now to the last"
	}
	return job.Verdict{Status: job.Failed, ErrorCode: job.CodeDeadline, ErrorMessage: message}, true
}

// attempt executes borg once.
func (p *process) attempt(n int) (v job.Verdict, then sequel, err error) {
	archive, inv, err := p.plan()
	if p.shutdown() {
		return job.Verdict{}, over, errShutdown
	}
	if err != nil && p.cancelled() { // while a passphrase command ran, for one
		v, _ := p.mayNotBegin()
		return v, over, nil
	}
	if no, ok := errors.AsType[*notNow](err); ok {
		return v, later, p.putOff(no)
	}
	if err != nil {
		return failed(err), over, nil
	}
	r, err := p.execute(n, archive, inv)
	if err != nil {
		return failed(err), over, nil
	}
	return p.settle(r)
}

// plan is everything before the start mark.
func (p *process) plan() (archive string, inv borg.Invocation, err error) {
	if err := p.prepare(); err != nil {
		return "", inv, err
	}
	if err := p.runBefore(); err != nil {
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
func (p *process) settle(r *run) (v job.Verdict, then sequel, err error) {
	if r.lockedOut() && p.stop.Err() == nil {
		return job.Verdict{}, later, p.giveBack(r)
	}
	var unhealed error
	if damage := r.cacheDamaged(); damage != nil && !p.healed && p.stop.Err() == nil {
		if then, unhealed, err = p.renewCache(r, damage); err != nil || then != over {
			return job.Verdict{}, then, err
		}
	}
	v = p.work.judge(p, r)
	if unhealed != nil && v.Status == job.Failed {
		v.ErrorMessage = unhealed.Error()
	}
	left := p.leftLock(r)
	switch o := r.outcome(); {
	case v.Status.Good():
	case borg.MayHaveSaved(o), left && p.spec.Kind == job.Backup:
		if v, err = p.verify(r.started, o, r.terminated); err != nil {
			return v, over, err
		}
	case left:
		p.freeLock()
	}
	v.EndedAt = r.ended
	v.StartedAt = r.started.StartedAt
	if p.endedByShutdown(r, v) {
		v.Status, v.ErrorCode, v.ErrorMessage = job.Failed, job.CodeHostShutdown, p.shutdownText(r, v)
	}
	return v, over, nil
}

func (p *process) giveBack(r *run) error {
	p.calm = false
	p.c.at(PointGivenUp)
	p.say(job.LevelWarning, "The repository is locked by somebody else: %s", r.failureText())
	if err := p.dir.GiveBack(); err != nil {
		return err
	}
	p.c.at(PointGivenBack)
	if err := p.closeAttempt(outcome{waiting: "the repository is locked by somebody else: " + r.failureText()}); err != nil {
		return err
	}
	p.showWaiting(reasonLocked)
	return nil
}

func (p *process) showWaiting(reason string) {
	p.reg.Change(func(g *job.Register) {
		*g = job.Register{Phase: job.PhaseWaiting, Reason: reason}
	})
}

// awaitTurn waits between two attempts, not beyond the deadline.
func (p *process) awaitTurn(n int) {
	wait, what := p.c.LockedWait.after(n), "Waiting for the repository's lock; next attempt"
	if p.reg.Value().Reason == reasonNotNow {
		wait, what = p.c.NotNowWait.after(n), "The hook is asked again"
	}
	if left := p.spec.StartDeadline.Sub(clock.Now()); left < wait {
		wait = max(left, 0)
	}
	p.say(job.LevelInfo, "%s in %s", what, wait.Round(time.Second/10))
	sleep(p.stop, wait)
}

// boundedWait is a copy of the repository with a short lock wait, for looking
// something up: there the agent itself waits and tries again.
func boundedWait(repo job.Repository) job.Repository {
	repo.LockWait = 5 * time.Second
	return repo
}
