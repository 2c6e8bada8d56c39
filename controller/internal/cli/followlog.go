package cli

import (
	"context"
	"errors"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/job"
)

// usualTail is how long the rest of a log is waited for when the job has ended:
// the verdict does not wait behind the log, and its host may be away.
const usualTail = 15 * time.Second

// logFollower shows a log as it comes.
type logFollower struct {
	*logReader
	late  *time.Timer // runs when the job has ended: the rest of its log does not come
	state rest.Job    // how it stood last
	ended bool        // and all was told that there is
	cut   bool        // the connection is gone; lines may be missed that are not shown any more
}

var errLate = errors.New("the rest of the log does not come")

func (l *logReader) follow(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	f := &logFollower{logReader: l, late: time.AfterFunc(time.Hour, func() { stop(errLate) })}
	f.late.Stop()
	defer f.late.Stop()
	err := l.cl.Follow(ctx, l.id, 0, f.hear)
	switch {
	case context.Cause(ctx) == errLate && !f.ended:
		return l.k.err.Printf("Job %d %s, but the host has not sent all of its log yet. To see the rest later: borgfleet-controller jobs logs %d\n", l.id, f.state.Status, l.id)
	case err != nil:
		return err
	}
	return f.explain()
}

func (f *logFollower) hear(e client.LogEvent) error {
	switch {
	case e.Cut != nil:
		f.cut = true
		f.late.Stop() // it is not the host that is waited for
		return nil
	case e.End != nil:
		f.state, f.ended = *e.End, true
	case e.Job != nil:
		f.state = *e.Job
		if !job.Status(f.state.Status).Final() {
			f.cut = false // who is there before the end is told all of it
		}
	case e.Line != nil:
		if err := f.show(*e.Line); err != nil {
			return err
		}
	}
	if job.Status(f.state.Status).Final() {
		f.late.Reset(f.k.tail)
	}
	return nil
}

// explain says what a log that has ended does not: nothing, or half of it, looks
// like a fault.
func (f *logFollower) explain() error {
	switch {
	case f.asJSON || f.state.HasLogs:
		return nil
	case f.offset == 0:
		return f.tellHidden(f.state.Status)
	case f.cut:
		return f.k.err.Printf("Job %d %s while the controller could not be reached, and its log is not shown any more (serve --log-policy): its end may be missing here. The host has all of it: borgfleet-agent logs %d\n", f.id, f.state.Status, f.id)
	}
	return nil
}
