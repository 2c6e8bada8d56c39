package schedule

import (
	"slices"
	"time"
)

// Cursor is what a host remembers of a schedule and a repository.
type Cursor struct {
	Of     string      // expression and zone that it is for: others begin anew
	Until  time.Time   // what was due up to here has been dealt with
	Fired  []time.Time // the newest fire times that a backup was made for, oldest first
	Missed []Missed    // the newest, oldest first
}

// Missed are runs that were due and were not made.
type Missed struct {
	First  time.Time
	Last   time.Time
	Count  int
	Reason string
}

const (
	// mostFired is what keeps a clock that was set back from making a second backup
	// for one fire time: of a daily schedule eleven years, of an hourly one half a
	// year. Beyond that the controller knows the key.
	mostFired  = 4096
	mostMissed = 10
	// mostCounted bounds the count of what was missed: a clock that is set from 1970
	// to now has missed very much.
	mostCounted = 1000
)

// Why runs are missed.
const (
	MissedAway    = "the host was off or asleep, or its agent did not run, for longer than catch_up allows"
	MissedMadeUp  = "the host was off or asleep, or its agent did not run; the run after these makes up for them"
	MissedOverlap = "the run before had not ended"
	MissedQueued  = "a run before it was waiting already"
)

// Begin is the cursor of a host that hears of a schedule now.
func (s Schedule) Begin(now time.Time, own *time.Location) Cursor {
	return Cursor{Of: s.expressionIn(own), Until: now}
}

// expressionIn tells one clockwork from another.
func (s Schedule) expressionIn(own *time.Location) string {
	zone := s.Zone
	if zone == "" {
		zone = "host: " + own.String()
	}
	return s.Cron + " | " + zone
}

// Turn is what a look at the clock comes to.
type Turn struct {
	Fire    Fire   // to be run now, then the cursor is that of Made or LeftOut; zero: nothing
	missed  Missed // that Fire makes up for, if it is made
	Cursor  Cursor
	Changed bool      // the cursor is another one
	Look    time.Time // when to look again; zero: never
}

// Turn deals with everything that is due now. Of what was missed only the last
// run is made up for: one backup holds all that the others would have.
func (s Schedule) Turn(c Cursor, t Times, now time.Time, own *time.Location) Turn {
	turn := Turn{Cursor: c}
	if c.Of != s.expressionIn(own) || t.tooFarAhead(c.Until, now) {
		turn.Cursor.Of, turn.Cursor.Until, turn.Changed = s.expressionIn(own), now, true
		turn.Cursor.unmiss(t, now)
	}
	last := t.Last(turn.Cursor.Until, now)
	if !last.IsZero() {
		s.settle(&turn, t, last, now)
	}
	turn.Look = t.Next(later(now, turn.Cursor.Until)).Due
	return turn
}

// tooFarAhead: the clock was set back, over more than one run.
func (t Times) tooFarAhead(until, now time.Time) bool {
	if !until.After(now) {
		return false
	}
	next := t.Next(until).Due
	return next.IsZero() || until.Sub(now) > next.Sub(until)
}

// settle decides about what was due up to last.
func (s Schedule) settle(turn *Turn, t Times, last Fire, now time.Time) {
	before := turn.Cursor.Until
	turn.Cursor.Until, turn.Changed = last.Due, true
	missed := turn.Cursor.between(t, before, last.Due)
	if turn.Cursor.fired(last.Time) {
		return // the clock was set back, and is here again
	}
	late := now.Sub(last.Due)
	if late > OnTime && late > s.CatchUp {
		missed.add(last.Due)
		turn.Cursor.note(missed, MissedAway)
		return
	}
	turn.Fire, turn.missed = last, missed
}

// Made is the cursor when the backup was made.
func (t Turn) Made() Cursor {
	t.Cursor.note(t.missed, MissedMadeUp)
	return t.Cursor.made(t.Fire.Time)
}

// LeftOut is the cursor when none was made, and why.
func (t Turn) LeftOut(why string) Cursor {
	t.missed.add(t.Fire.Due)
	t.Cursor.note(t.missed, why)
	return t.Cursor
}

// between counts the runs after one time and before another that no backup was
// made for: where the clock was set back, some were.
func (c Cursor) between(t Times, after, before time.Time) (m Missed) {
	made := make(map[int64]bool, len(c.Fired))
	for _, f := range c.Fired {
		made[f.Unix()] = true
	}
	for f := t.Next(after); !f.IsZero() && f.Due.Before(before) && m.Count < mostCounted; f = t.Next(f.Due) {
		if !made[f.Time.Unix()] {
			m.add(f.Due)
		}
	}
	return m
}

// unmiss takes back what was missed after now: it is yet to come.
func (c *Cursor) unmiss(t Times, now time.Time) {
	var kept []Missed
	for _, m := range c.Missed {
		if m.Last.After(now) {
			reason := m.Reason
			m = c.between(t, m.First.Add(-time.Nanosecond), now.Add(time.Nanosecond))
			m.Reason = reason
		}
		if m.Count > 0 {
			kept = append(kept, m)
		}
	}
	c.Missed = kept
}

func (m *Missed) add(due time.Time) {
	if m.Count == 0 {
		m.First = due
	}
	m.Last = due
	m.Count++
}

// note remembers what was missed. What is missed for the same reason, with no
// backup in between, is one.
func (c *Cursor) note(m Missed, reason string) {
	if m.Count == 0 {
		return
	}
	m.Reason = reason
	c.Missed = slices.Clone(c.Missed)
	if n := len(c.Missed) - 1; n >= 0 && c.Missed[n].Reason == reason && !c.firedSince(c.Missed[n].First) {
		c.Missed[n].Last = m.Last
		c.Missed[n].Count = min(c.Missed[n].Count+m.Count, mostCounted)
		return
	}
	c.Missed = append(c.Missed, m)
	c.Missed = c.Missed[max(0, len(c.Missed)-mostMissed):]
}

func (c *Cursor) firedSince(t time.Time) bool {
	return len(c.Fired) > 0 && c.Fired[len(c.Fired)-1].After(t)
}

// Paused is the cursor of a schedule that rests: what would be due meanwhile is
// not missed, and what was fired is not forgotten.
func (c Cursor) Paused() Cursor {
	c.Of = ""
	return c
}

// Knows notes which fire times have a backup, oldest first, whatever is remembered:
// of the last one a crash may have taken the memory.
func (c Cursor) Knows(made []time.Time) Cursor {
	for _, at := range made {
		if !c.fired(at) {
			c = c.made(at)
		}
	}
	return c
}

func (c Cursor) fired(at time.Time) bool {
	for _, f := range slices.Backward(c.Fired) { // mostly it is one of the last
		if f.Equal(at) {
			return true
		}
	}
	return false
}

// made notes that there is a backup for a fire time.
func (c Cursor) made(at time.Time) Cursor {
	c.Fired = append(slices.Clone(c.Fired), at)
	c.Fired = c.Fired[max(0, len(c.Fired)-mostFired):]
	return c
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
