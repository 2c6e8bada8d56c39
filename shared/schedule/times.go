package schedule

import (
	"time"

	"borgfleet/shared/cron"
)

// Times are when a schedule is due for one repository, with its splay.
type Times struct {
	expression cron.Expression
	zone       *time.Location
	splay      time.Duration
}

// TimesFor gives the times for a repository on a host whose own zone is own.
func (s Schedule) TimesFor(repository int64, own *time.Location) (Times, error) {
	e, err := cron.Parse(s.Cron)
	if err != nil {
		return Times{}, err
	}
	zone, err := Zone(s.Zone, own)
	if err != nil {
		return Times{}, err
	}
	return Times{expression: e, zone: zone, splay: s.SplayOf(repository)}, nil
}

// Fire is one time at which a backup is due.
type Fire struct {
	Time time.Time // as the expression says; it makes the job's key
	Due  time.Time // with the repository's splay
}

// Names says whether fire is a time that the expression names, without splay.
func (t Times) Names(fire time.Time) bool {
	return t.expression.Next(fire.Add(-time.Nanosecond), t.zone).Equal(fire)
}

// Next is the first after t; its times are zero if there is none.
func (t Times) Next(after time.Time) Fire {
	at := t.expression.Next(after.Add(-t.splay), t.zone)
	if at.IsZero() {
		return Fire{}
	}
	at = at.UTC()
	return Fire{Time: at, Due: at.Add(t.splay)}
}

// Last is the last one that was due at t, and after since; zero if there is none.
func (t Times) Last(since, at time.Time) Fire {
	// Backwards in growing steps: an expression only tells what comes next.
	for back := time.Hour; ; back *= 8 {
		from := at.Add(-back)
		if from.Before(since) {
			from = since
		}
		var last Fire
		for f := t.Next(from); !f.Due.IsZero() && !f.Due.After(at); f = t.Next(f.Due) {
			last = f
		}
		if !last.Due.IsZero() || !from.After(since) || back > mostBack {
			return last
		}
	}
}

// mostBack is further than an expression's runs can be apart.
const mostBack = 41 * 366 * 24 * time.Hour

// IsZero says that there is no such time.
func (f Fire) IsZero() bool { return f.Due.IsZero() }
