// Package retention removes what has been kept for long enough: logs, the history
// of jobs, and the audit log. It works beside everything else and in small steps,
// so that nobody who writes has to wait for it.
package retention

import (
	"fmt"
	"time"
)

// Policy says what is kept. A zero keeps everything.
type Policy struct {
	Logs     time.Duration // lines, for so long after their job has ended
	LogBytes int64         // of all logs, packed: the oldest go first
	History  time.Duration // jobs, for so long after they have ended
	Jobs     int           // so many: the oldest go first
	Audit    time.Duration // entries of the audit log
}

const day = 24 * time.Hour

// Defaults are the documented ones. Lines are read in the days after a job, and
// are most of what is stored. A job without them takes about a kilobyte, and two
// years of them answer what is asked of a year and the one before; what comes
// after that is in the figures of each day, which stay. Who did what is asked as
// late as what came of it.
func Defaults() Policy {
	return Policy{Logs: 30 * day, History: 730 * day, Audit: 730 * day}
}

// LeastHistory is how long each job stays, whatever the policy says: longer than
// summaries look back with the exact minute, a request may be repeated, and an
// agent keeps what it has reported.
const LeastHistory = 31 * day

// LeastJobAge is how long a job stays of which there are too many. A limit of
// their number is for the memory that they take, so it may go below LeastHistory.
const LeastJobAge = 2 * day

func (p Policy) String() string {
	return fmt.Sprintf("logs %s, history %s, audit log %s",
		both(Span(p.Logs), p.LogBytes, "bytes"), both(Span(p.History), int64(p.Jobs), "jobs"), orAll(Span(p.Audit)))
}

// both says a limit of age and one of amount.
func both(age string, most int64, what string) string {
	if most == 0 {
		return orAll(age)
	}
	limit := fmt.Sprintf("at most %d %s", most, what)
	if age == "" {
		return limit
	}
	return "for " + age + " and " + limit
}

func orAll(age string) string {
	if age == "" {
		return "for ever"
	}
	return "for " + age
}

// Span is a time as people set it; empty: for ever.
func Span(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}
