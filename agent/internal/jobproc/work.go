package jobproc

import (
	"context"
	"io"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// work is what differs between kinds of jobs.
type work interface {
	// ready looks for reasons not to execute borg, beside policy and form.
	ready(p *process) error
	// archive names what will be made; empty if nothing is.
	archive(p *process) (string, error)
	invocation(p *process, archive string) (borg.Invocation, error)
	// title is the first line of the log.
	title(p *process, archive string) string
	// judge gives the verdict on a run whose end is known, or which said itself
	// that it is complete.
	judge(p *process, r *run) job.Verdict
	// lookUp asks the repository what came of a run whose end is not known; o is
	// what was seen of it. An error means that it cannot be told now.
	lookUp(ctx context.Context, p *process, s jobdir.Started, o borg.Outcome) (found, error)
	// summary is the last line of the log after a good end.
	summary(v job.Verdict) string
}

// streamed is work whose borg answers at length: it reads the answer as it
// comes, and nobody keeps it.
type streamed interface {
	answer(p *process) io.Writer
}

// clearing is work that makes something on this host before borg is executed, and
// has to take it back if it came to nothing.
type clearing interface{ clear() }

// remembered is work of which no repository could tell what came of it: the
// host itself is asked, at once and without borg.
type remembered interface {
	lookBack(p *process, s jobdir.Started, o borg.Outcome) job.Verdict
}

// found is what a look-up told: a verdict, or that nothing was made, and why
// that is known if it is not plain.
type found struct {
	verdict *job.Verdict
	because string
}

func workOf(spec job.Spec) work {
	switch spec.Kind {
	case job.Backup:
		return backup{}
	case job.Init:
		return initialise{}
	case job.List:
		if l := spec.List; l != nil && l.Archive != "" {
			return newContents(*l)
		}
		return list{}
	case job.Restore:
		return &restore{}
	case job.Prune:
		return prune{}
	case job.Compact:
		return compact{}
	case job.Check:
		return check{}
	case job.BreakLock:
		return breakLock{}
	}
	return nil
}
