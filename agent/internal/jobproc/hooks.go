package jobproc

import (
	"context"
	"fmt"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// Hooks of a backup, in an attempt at it:
//
//	open   policy has said yes, the hooks are there and nobody else's
//	before each in turn, then borg
//	close  what follows of the end, in a last round
//
// What is begun is noted before. So a job process that comes after one that died
// runs no hook twice in one attempt, and leaves none of the last round out.

// mostBroken is how many job processes may be ended over a job's hooks before
// it is given up: a hook may be what ends them.
const mostBroken = 3

// notNow is the wish of a hook that the job be tried again later.
type notNow struct{ name, said string }

func (n *notNow) Error() string {
	return fmt.Sprintf("the hook %s says not now%s", n.name, after(": ", n.said))
}

// openHooks opens an attempt's hooks: from here on the last round follows,
// whatever becomes of the attempt. Hooks of before may leave something that has
// to be undone, so nothing of them is begun unless all the others can be run.
// Without any a hook that is missing is worth a warning afterwards, and no reason
// not to back up.
func (p *process) openHooks() error {
	h := p.spec.Repository.Hooks
	if p.spec.Kind != job.Backup || len(h.Names()) == 0 || p.hooks.Open {
		return nil
	}
	if len(h.Before) > 0 {
		for _, name := range h.Names() {
			f, err := p.hookDir().Open(name)
			if err != nil {
				return failf(job.CodeHookUnusable, "%v", err)
			}
			f.Close()
		}
	}
	p.hooks.Open, p.hooks.Runs = true, nil
	return p.dir.SetHooks(p.hooks)
}

// runBefore runs what comes before borg. Those that an attempt has run are not
// run again when it goes on with a new cache of borg's.
func (p *process) runBefore() error {
	for i, name := range p.spec.Repository.Hooks.Before {
		if !p.hooks.Open || p.noted(job.HookBefore, i) != nil {
			continue
		}
		r, err := p.runHook(p.stop, job.HookBefore, i, outcome{})
		switch {
		case err != nil:
			return err
		case p.stop.Err() != nil:
			return context.Cause(p.stop)
		case r.Code == job.HookNotNow:
			return &notNow{name, r.Last}
		case r.Problem != "":
			return failf(job.CodeHookFailed, "%s", r.Problem)
		}
	}
	if p.hooks.Open && len(p.spec.Repository.Hooks.Before) > 0 {
		// That took time, in which a symlink may have come to lead elsewhere.
		return p.allowed()
	}
	return nil
}

// putOff gives a job back that a hook does not want to be run now.
func (p *process) putOff(no *notNow) error {
	p.say(job.LevelInfo, "%s", sentence(no.Error()))
	if err := p.closeAttempt(outcome{waiting: no.Error()}); err != nil {
		return err
	}
	p.showWaiting(reasonNotNow)
	return nil
}

// closeAttempt ends an attempt after which the job waits. Only what has to be
// undone is: where no hook of before has done anything, no other one is asked.
func (p *process) closeAttempt(o outcome) error {
	if !p.hooks.Open {
		return nil
	}
	if p.undoable() {
		for i := range p.spec.Repository.Hooks.Always {
			if _, err := p.closingHook(job.HookAlways, i, o); err != nil {
				return err
			}
		}
	}
	p.hooks.Open, p.hooks.Runs = false, nil
	return p.dir.SetHooks(p.hooks)
}

// undoable: a hook of before has done what it is for, or may have. One that says
// not now has done nothing.
func (p *process) undoable() bool {
	for _, r := range p.hooks.Runs {
		if r.Time == job.HookBefore && !r.NotNow {
			return true
		}
	}
	return false
}

// closeHooks is the last round, after an end that stands but for what the hooks
// themselves add to it: v is what borg made of the job. Its error means that the
// round goes on after the host's boot, or in another job process.
func (p *process) closeHooks(v job.Verdict) (job.Verdict, error) {
	if !p.hooks.Open {
		return v, nil
	}
	for _, at := range job.HookTimes() {
		if !follows(at, v.Status) {
			continue
		}
		for i := range p.spec.Repository.Hooks.At(at) {
			problem, err := p.closingHook(at, i, outcome{verdict: &v})
			if err != nil {
				return v, err
			}
			v = withProblem(v, problem)
		}
	}
	return v, nil
}

// follows says which hooks an end has.
func follows(at job.HookTime, s job.Status) bool {
	switch at {
	case job.HookAfter:
		return s.Good()
	case job.HookOnWarning:
		return s == job.CompletedWithWarnings
	case job.HookOnFailure:
		return s == job.Failed
	}
	return at == job.HookAlways
}

// withProblem: the archive is there, so a hook's failure is a warning. An end
// that is worse stays as it is.
func withProblem(v job.Verdict, problem string) job.Verdict {
	if problem == "" {
		return v
	}
	if v.Status == job.Completed {
		v.Status, v.ErrorCode = job.CompletedWithWarnings, job.CodeHookFailed
	}
	if v.ErrorMessage != "" {
		v.ErrorMessage += "; "
	}
	v.ErrorMessage += problem
	return v
}

// closingHook runs a hook of the last round, unless one of this attempt has been
// begun already.
func (p *process) closingHook(at job.HookTime, i int, o outcome) (problem string, err error) {
	if run := p.noted(at, i); run != nil {
		return run.Problem, nil
	}
	if p.life.Err() != nil {
		return "", errShutdown
	}
	ctx, end := p.patience(errTooLate)
	defer end()
	r, err := p.runHook(ctx, at, i, o)
	return r.Problem, err
}

// takeUpHooks reads what an earlier job process has begun, and ends what it has
// left.
func (p *process) takeUpHooks() {
	var err error
	if p.hooks, err = p.dir.Hooks(); err != nil {
		// Rather a hook twice than something that is never undone.
		p.log.Error("which hooks have run is not known", "err", err)
		p.hooks = jobdir.Hooks{Open: len(p.spec.Repository.Hooks.Names()) > 0}
	}
	for i := range p.hooks.Runs {
		if run := &p.hooks.Runs[i]; !run.Ended {
			p.endRemains(run.Name)
			run.Ended = true
			run.Problem = fmt.Sprintf("the hook %s (%s) was interrupted: its job process was ended, and whether it had done its work is not known", run.Name, run.Time)
		}
	}
}

// closeBroken closes an attempt whose job process was ended before borg was
// executed. Then the job begins again; not for ever.
func (p *process) closeBroken() (v *job.Verdict, err error) {
	if !p.hooks.Open {
		return nil, nil
	}
	p.remind()
	p.hooks.Broken++
	if err := p.dir.SetHooks(p.hooks); err != nil {
		return nil, err
	}
	const why = "the job process was ended before borg was started"
	p.say(job.LevelWarning, "%s", sentence(why))
	if p.hooks.Broken >= mostBroken {
		return &job.Verdict{
			Status: job.Failed, ErrorCode: job.CodeInterrupted,
			ErrorMessage: fmt.Sprintf("interrupted: %s, %d times; borg has not run. Look at what its hooks do to this host", why, p.hooks.Broken),
		}, nil
	}
	return nil, p.closeAttempt(outcome{waiting: why})
}
