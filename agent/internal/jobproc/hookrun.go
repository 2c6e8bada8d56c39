package jobproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"borgfleet/agent/internal/hook"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/clock"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// errTooLate ends a hook of the last round that somebody does not want to wait for.
var errTooLate = errors.New("had not ended in the time that a hook has after a wish to cancel")

func (p *process) hookDir() hook.Dir {
	return hook.Dir{Path: p.conf.Hooks.Directory, UID: os.Geteuid()}
}

// noted is what was noted of a hook in this attempt; nil: it has not begun.
func (p *process) noted(at job.HookTime, i int) *jobdir.HookRun {
	for n := range p.hooks.Runs {
		if r := &p.hooks.Runs[n]; r.Time == at && r.Index == i {
			return r
		}
	}
	return nil
}

// runHook runs one hook once. Its error means that it was not begun, since that
// cannot be noted; all else is a problem of the hook.
func (p *process) runHook(ctx context.Context, at job.HookTime, i int, o outcome) (hook.Result, error) {
	name := p.spec.Repository.Hooks.At(at)[i]
	p.hooks.Runs = append(p.hooks.Runs, jobdir.HookRun{Time: at, Index: i, Name: name})
	if err := p.dir.SetHooks(p.hooks); err != nil {
		p.hooks.Runs = p.hooks.Runs[:len(p.hooks.Runs)-1]
		return hook.Result{}, err
	}
	p.c.at(PointHook + name)
	p.showHook(name)
	r := p.execHook(ctx, at, name, o)
	if r.Problem != "" {
		r.Problem = p.pass.mask(p.problemOf(at, name, r))
		p.sayProblem(at, r)
	}
	p.c.at(PointHooked + name)
	run := p.noted(at, i)
	run.Ended, run.Problem, run.NotNow = true, r.Problem, at == job.HookBefore && r.Code == job.HookNotNow
	if err := p.dir.SetHooks(p.hooks); err != nil {
		p.log.Warn("how a hook ended is not kept", "err", err)
	}
	return r, nil
}

func (p *process) execHook(ctx context.Context, at job.HookTime, name string, o outcome) hook.Result {
	f, err := p.hookDir().Open(name)
	if err != nil {
		return hook.Result{Code: -1, Problem: err.Error()}
	}
	defer f.Close()
	p.say(job.LevelInfo, "Running the hook %s (%s)", name, at)
	r := hook.Command{
		File: f, Name: name, Env: p.hookEnv(name, at, o), Limit: p.conf.Hooks.TimeLimit, Grace: p.c.HookGrace,
		Line: func(text string) { p.sayHook(name, text) },
	}.Run(ctx)
	r.Last = p.cleanLine(r.Last)
	p.journal.Lose(r.LeftOut, "the hook "+name+" printed more than is kept")
	if len(r.Left) > 0 {
		p.say(job.LevelWarning, "What the hook %s has started goes on, and the agent's account may not end it: processes %v", name, r.Left)
	}
	return r
}

// sayHook writes a line of a hook's into the journal, under its name.
func (p *process) sayHook(name, text string) {
	p.journal.Append(jobdir.Line{Record: job.Record{
		Time: time.Now(), Level: job.LevelInfo, Source: "hook", Text: name + ": " + p.cleanLine(text),
	}})
}

// cleanLine: whatever a hook prints is shown to people, and is one line.
func (p *process) cleanLine(text string) string {
	return p.pass.mask(term.Clean(strings.ReplaceAll(text, "\t", " ")))
}

func (p *process) problemOf(at job.HookTime, name string, r hook.Result) string {
	said := after(": ", shortened(r.Last))
	switch {
	case p.life.Err() != nil && r.Code == -1:
		return fmt.Sprintf("the hook %s (%s) was ended, as at a shutdown of the host", name, at)
	case p.cancelled() && r.Code == -1 && at == job.HookBefore:
		return fmt.Sprintf("the hook %s (%s) was ended: cancelled", name, at)
	}
	return fmt.Sprintf("the hook %s (%s) failed: %s%s", name, at, r.Problem, said)
}

func (p *process) sayProblem(at job.HookTime, r hook.Result) {
	switch {
	case at == job.HookBefore && r.Code == job.HookNotNow: // see putOff
	case at == job.HookBefore:
		p.say(job.LevelError, "%s", sentence(r.Problem))
	default:
		p.say(job.LevelWarning, "%s", sentence(r.Problem))
	}
}

// showHook: before borg the job counts from its first hook on.
func (p *process) showHook(name string) {
	p.reg.Change(func(g *job.Register) {
		g.Phase, g.Reason, g.BorgRunning = job.PhaseStarted, "", false
		g.BorgPhase, g.BorgPhasePercent = job.HookPhase(name), 0
		if g.StartedAt.IsZero() {
			g.StartedAt = clock.Now().Round(0)
		}
	})
}

// endRemains ends what a hook of an earlier job process has left.
func (p *process) endRemains(name string) {
	if left := hook.EndRemains(hookKey + p.dir.Key().String()); len(left) > 0 {
		p.say(job.LevelWarning, "What the hook %s has started goes on, and the agent's account may not end it: processes %v", name, left)
	}
}

// shortened is a line in a message.
func shortened(s string) string {
	const most = 500
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// sentence begins a line of the log.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
