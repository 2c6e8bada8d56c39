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
	Fire    Fire // to be run now; zero: nothing
	Cursor  Cursor
	Changed bool      // the cursor is another one
	Look    time.Time // when to look again; zero: never
}

// Turn deals with everything that is due now. Of what was missed only the last
// run is made up for: one backup holds all that the others would have.
func (s Schedule) Turn(c Cursor, t Times, now time.Time, own *time.Location) Turn {
	turn := Turn{Cursor: c}
	if c.Of != s.expressionIn(own) {
		turn.Cursor.Of, turn.Cursor.Until, turn.Changed = s.expressionIn(own), now, true
	}
	if t.tooFarAhead(turn.Cursor.Until, now) {
		turn.Cursor.Until, turn.Changed = now, true
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
	missed := t.between(before, last.Due)
	if slices.ContainsFunc(turn.Cursor.Fired, last.Time.Equal) {
		return // the clock was set back, and is here again
	}
	late := now.Sub(last.Due)
	if late > OnTime && late > s.CatchUp {
		missed.add(last.Due)
		turn.Cursor.note(missed, MissedAway)
		return
	}
	turn.Cursor.note(missed, MissedMadeUp)
	turn.Fire = last
}

// between counts the runs after one time and before another.
func (t Times) between(after, before time.Time) (m Missed) {
	for f := t.Next(after); !f.IsZero() && f.Due.Before(before) && m.Count < mostCounted; f = t.Next(f.Due) {
		m.add(f.Due)
	}
	return m
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

// Made notes that a backup was made for a fire time.
func (c Cursor) Made(f Fire) Cursor {
	c.Fired = append(slices.Clone(c.Fired), f.Time)
	c.Fired = c.Fired[max(0, len(c.Fired)-mostFired):]
	return c
}

// LeftOut notes that none was made, and why.
func (c Cursor) LeftOut(f Fire, why string) Cursor {
	c.note(Missed{First: f.Due, Last: f.Due, Count: 1}, why)
	return c
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
