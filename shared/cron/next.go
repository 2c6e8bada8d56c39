package cron

import "time"

// mostDays is the longest that an expression is not due: 29 February on a certain
// day of the week comes after 40 years where a century has none.
const mostDays = 41 * 366

// Next is the first time after t at which the expression is due in loc. It is zero
// if that is further away than it can be.
func (e Expression) Next(t time.Time, loc *time.Location) time.Time {
	y, m, d := t.In(loc).Date()
	// What a gap has put off may be of the day before.
	for n := -1; n < mostDays; n++ {
		date := time.Date(y, m, d+n, 0, 0, 0, 0, time.UTC)
		if !e.day(date) {
			continue
		}
		rules := rulesAround(date, loc)
		if len(rules) == 1 {
			if due, ok := e.onPlainDay(date, rules[0], t); ok {
				return due
			}
			continue
		}
		if due, ok := e.on(date, rules, t); ok {
			return due
		}
	}
	return time.Time{}
}

// onPlainDay is the first time after t on a date on which no clock is set.
func (e Expression) onPlainDay(date time.Time, r rule, t time.Time) (due time.Time, ok bool) {
	midnight := date.Add(-r.offset).In(r.loc)
	from := 0 // minutes of the day that have gone by
	if t.After(midnight) || t.Equal(midnight) {
		from = int(t.Sub(midnight)/time.Minute) + 1
	}
	for m := from; m < 24*60; m++ {
		switch {
		case !e.hours.has(m / 60):
			m += 59 - m%60
		case e.minutes.has(m % 60):
			return midnight.Add(time.Duration(m) * time.Minute), true
		}
	}
	return due, false
}

// on is the first time after t for what the expression names on a date on which,
// or near which, clocks are set.
func (e Expression) on(date time.Time, rules []rule, t time.Time) (due time.Time, ok bool) {
	least, most := rules[0].offset, rules[0].offset
	for _, r := range rules {
		least, most = min(least, r.offset), max(most, r.offset)
	}
	for m := range 24 * 60 {
		wall := date.Add(time.Duration(m) * time.Minute)
		if !e.hours.has(m/60) || !e.minutes.has(m%60) || !wall.Add(-least).After(t) {
			continue
		}
		if ok && !wall.Add(-most).Before(due) {
			break // none of the rest can be earlier
		}
		for _, at := range e.dueAt(wall, rules) {
			if at.After(t) && (!ok || at.Before(due)) {
				due, ok = at, true
			}
		}
	}
	return due, ok
}

// dueAt are the times at which the expression is due for one that it names.
func (e Expression) dueAt(wall time.Time, rules []rule) []time.Time {
	times, after := instants(wall, rules)
	switch {
	case e.hours.star:
		return times
	case len(times) > 0:
		return times[:1]
	}
	return []time.Time{after}
}

// rule is a zone's offset from UTC, in force from start until end; zero times have
// no end.
type rule struct {
	start, end time.Time
	offset     time.Duration
	loc        *time.Location
}

// widest is more than the clocks of any zone differ from UTC.
const widest = 27 * time.Hour

// rulesAround are the rules in force, in order, while clocks in loc can show a
// date.
func rulesAround(date time.Time, loc *time.Location) (out []rule) {
	for at := date.Add(-widest); ; {
		_, seconds := at.In(loc).Zone()
		start, end := at.In(loc).ZoneBounds()
		out = append(out, rule{start, end, time.Duration(seconds) * time.Second, loc})
		if end.IsZero() || end.After(date.Add(24*time.Hour+widest)) {
			return out
		}
		at = end
	}
}

// instants are the times at which clocks show what wall shows in UTC: one, as a
// rule; two if they were set back over it; none if they were set forward over it,
// and then after is when that was.
func instants(wall time.Time, rules []rule) (times []time.Time, after time.Time) {
	for _, r := range rules {
		at := wall.Add(-r.offset).In(r.loc)
		begun := r.start.IsZero() || !at.Before(r.start)
		switch {
		case begun && (r.end.IsZero() || at.Before(r.end)):
			times = append(times, at)
		case !begun && after.IsZero():
			after = r.start // the clocks showed more when it began
		}
	}
	return times, after
}
