package timetable

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"borgfleet/agent/internal/daemon"
	"borgfleet/agent/internal/memory"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

// round is one look at the schedules of one repository.
type round struct {
	t    *Timetable
	repo job.Repository
	runs runs
	now  time.Time
	zone *time.Location // the host's own

	look time.Time // when the first of them is due; zero: never
}

// all deals with each of the repository's schedules. What is remembered is put on
// the disk after the jobs are: a crash in between makes the same jobs again, which
// is nothing. Of those that it cannot go by, and of the rest, it forgets nothing.
func (r *round) all(by, rest []*fleetv1.Schedule) (states []schedule.State) {
	before := r.t.memory.of(r.repo.ID)
	after := map[string]schedule.Cursor{}
	rests := func(p *fleetv1.Schedule) {
		if c, known := before[cursorKey(p)]; known {
			after[cursorKey(p)] = c.Paused()
		}
	}
	for _, p := range rest {
		rests(p)
	}
	for _, p := range by {
		s, err := wire.CheckedSchedule(p)
		state := schedule.State{Schedule: p.Id, Name: p.Name, Repository: r.repo.ID, Cron: p.Cron, Paused: !p.Enabled}
		if err != nil {
			state.Problem = err.Error()
			r.t.complain(fmt.Sprintf("schedule %d cannot be gone by: %s", p.Id, err))
			states = append(states, state)
			rests(p)
			continue
		}
		if s.Enabled {
			key := cursorKey(p)
			c, known := before[key]
			if !known {
				c = s.Begin(r.now, r.zone)
			}
			after[key], state.Next, state.Problem = r.one(s, c.Knows(r.runs.fired(s.ID, r.repo.ID)))
			state.Missed = after[key].Missed
		} else {
			rests(p)
		}
		states = append(states, state)
	}
	if !sameCursors(before, after) {
		if err := r.t.memory.put(r.repo.ID, after); err != nil {
			r.t.complain(fmt.Sprintf("what was fired cannot be remembered; the jobs' own keys guard against doubles: %s", err))
		}
	}
	return states
}

func cursorKey(p *fleetv1.Schedule) string { return fmt.Sprintf("%x", p.Key) }

func sameCursors(a, b map[string]schedule.Cursor) bool {
	return maps.EqualFunc(a, b, func(x, y schedule.Cursor) bool {
		return x.Of == y.Of && x.Until.Equal(y.Until) && len(x.Fired) == len(y.Fired) && len(x.Missed) == len(y.Missed) &&
			(len(x.Missed) == 0 || x.Missed[len(x.Missed)-1] == y.Missed[len(y.Missed)-1])
	})
}

// one deals with one schedule.
func (r *round) one(s schedule.Schedule, c schedule.Cursor) (after schedule.Cursor, next time.Time, problem string) {
	times, err := s.TimesFor(r.repo.ID, r.zone)
	if err != nil {
		return c, next, err.Error() // Check has passed, so it is the host's zone database
	}
	turn := s.Turn(c, times, r.now, r.zone)
	after, next = turn.Cursor, turn.Look
	if !turn.Fire.IsZero() {
		if after, err = r.fire(s, turn, next); err != nil {
			r.t.complain(fmt.Sprintf("a backup that is due cannot be made; trying again: %s", err))
			return c, next, err.Error() // the disk may work the next time
		}
	}
	r.wakeAt(next)
	if turn.Fire.IsZero() {
		if err := r.retry(s, after.Until, next); err != nil {
			r.t.complain(fmt.Sprintf("a backup cannot be tried again; trying later: %s", err))
		}
	}
	return after, next, ""
}

func (r *round) wakeAt(t time.Time) {
	if !t.IsZero() && (r.look.IsZero() || t.Before(r.look)) {
		r.look = t
	}
}

// fire makes the backup that is due, unless the run before it is in its way.
func (r *round) fire(s schedule.Schedule, turn schedule.Turn, next time.Time) (schedule.Cursor, error) {
	if why := r.inTheWay(s); why != "" {
		return turn.LeftOut(why), nil
	}
	spec := r.spec(s, turn.Fire.Time, 0, next)
	spec.CreatedAt = turn.Fire.Due
	err := r.t.o.Host.Fire(s.JobKey(r.repo.ID, turn.Fire.Time, 0), spec)
	if errors.Is(err, daemon.ErrFull) {
		return turn.LeftOut(err.Error()), nil
	}
	if err != nil {
		return turn.Cursor, err
	}
	r.noteCheck(spec)
	r.t.o.Logger.Info("schedule fired", "schedule", s.ID, "name", s.Name, "repository", r.repo.Path, "due", turn.Fire.Due)
	return turn.Made(), nil
}

// inTheWay says why a run is left out; empty: nothing is.
func (r *round) inTheWay(s schedule.Schedule) string {
	for _, run := range r.runs[runKey{s.ID, r.repo.ID}] {
		switch {
		case !run.open(r.now):
		case s.Overlap == schedule.OverlapSkip:
			return schedule.MissedOverlap
		case !run.started():
			return schedule.MissedQueued
		}
	}
	return ""
}

func (r *round) spec(s schedule.Schedule, fire time.Time, attempt int, next time.Time) job.Spec {
	by := "schedule " + s.Name
	deadline := r.now.Add(job.DefaultStartDeadline)
	if !next.IsZero() {
		deadline = next
	}
	if latest := r.now.Add(mostDeadline); deadline.After(latest) {
		deadline = latest
	}
	return job.Spec{
		Kind: job.Backup, Repository: r.repo, CreatedAt: r.now.UTC(), StartDeadline: deadline.UTC(),
		TriggeredBy: job.BySchedule, RequestedBy: by, ScheduleID: s.ID, FireTime: fire, Attempt: attempt,
		After: r.after(s),
	}
}

// mostDeadline is less than the daemon allows.
const mostDeadline = 365 * 24 * time.Hour

// after says what follows this backup: everything is decided when it is made.
func (r *round) after(s schedule.Schedule) job.After {
	a := s.After.WithRetention(r.repo.Retention)
	if a.Check != nil && s.CheckEvery > 0 {
		if last, ok := r.checks().Get(r.repo.ID); ok && last.At.After(s.CheckedSince(r.now)) {
			a.Check = nil
		}
	}
	return a
}

func (r *round) checks() memory.Of[daemon.Checked] {
	return memory.Of[daemon.Checked]{Dir: r.t.o.Checked}
}

// noteCheck counts from the order, where another agent makes the check: what
// becomes of it is not known here.
func (r *round) noteCheck(spec job.Spec) {
	if spec.After.Check == nil || r.repo.Maintainer == "" {
		return
	}
	if err := r.checks().Put(r.repo.ID, daemon.Checked{At: spec.CreatedAt}); err != nil {
		r.t.complain(fmt.Sprintf("when a check was ordered is not remembered; the next one may come earlier: %s", err))
	}
}

// retry tries the newest run again, when it is time. What had failed before the
// schedule was dealt with last is not: a run was due since, or it has rested.
func (r *round) retry(s schedule.Schedule, dealtWith, next time.Time) error {
	run, ok := r.runs.newest(s.ID, r.repo.ID, r.now)
	if !ok || run.verdict == nil || run.spec.CreatedAt.Before(dealtWith) && run.verdict.EndedAt.Before(dealtWith) {
		return nil
	}
	at, again := s.RetryAt(*run.verdict, run.spec.Attempt)
	if !again || !next.IsZero() && !at.Before(next) {
		return nil
	}
	if at.After(r.now) {
		r.wakeAt(at)
		return nil
	}
	attempt := run.spec.Attempt + 1
	spec := r.spec(s, run.spec.FireTime, attempt, next)
	spec.After = run.spec.After
	spec.RequestedBy = fmt.Sprintf("%s, retry %d", spec.RequestedBy, attempt)
	return r.t.o.Host.Fire(s.JobKey(r.repo.ID, run.spec.FireTime, attempt), spec)
}
