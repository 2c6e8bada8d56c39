package jobproc

import (
	"context"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// upkeep is what prune, compact, check and break-lock have in common: they make
// no archive, and may be run again whatever became of them.
type upkeep struct{}

func (upkeep) ready(*process) error             { return nil }
func (upkeep) archive(*process) (string, error) { return "", nil }

// lookBack judges a run whose exit status nobody saw: by borg's own words, and
// no repository is asked for that. A borg that was killed leaves its repository
// as it was at the last commit, and a lock.
func (upkeep) lookBack(p *process, _ jobdir.Started, o borg.Outcome) job.Verdict {
	t := o.Tracker
	if t == nil {
		t = &borg.Tracker{}
	}
	said := t.Upkeep()
	if c := p.spec.Check; p.spec.Kind == job.Check && c != nil && c.Depth == job.CheckRepository {
		said.Done = said.Done || said.Segments // no archives follow
	}
	v := job.Verdict{BytesFreed: said.Freed}
	switch {
	case said.Done && t.Failure() == nil:
		v.Status, v.ErrorCode = job.CompletedWithWarnings, job.CodeStatusLost
		v.ErrorMessage = "exit status lost, but borg had said that it was done"
		v.Progress.Percent = 100
		if p.spec.Kind == job.Prune {
			v.ArchivesDeleted = &said.Removed
		}
		return v
	case said.Done && p.spec.Kind == job.Check:
		return borg.Damaged(job.Verdict{Status: job.CompletedWithWarnings}, t)
	case p.cancelled():
		v.Status, v.ErrorCode = job.Cancelled, job.CodeCancelled
		return v
	}
	v.Status, v.ErrorCode = job.Failed, job.CodeInterrupted
	v.ErrorMessage = "interrupted: how borg ended is not known" + undone(p.spec.Kind) + "; it is safe to run it again"
	if f := t.Failure(); f != nil {
		v.ErrorMessage += "; borg said: " + f.Message
	}
	return v
}

// undone says what may be left of a run that did not come to its end.
func undone(kind job.Kind) string {
	switch kind {
	case job.Prune:
		return ", nor which archives it had removed before: a list follows and shows what is there"
	case job.Compact:
		return ", nor how much it had freed before"
	}
	return ""
}

// lookUp is never asked: see lookBack.
func (upkeep) lookUp(context.Context, *process, jobdir.Started, borg.Outcome) (found, error) {
	return found{}, nil
}
