package schedule

import "time"

// checkSlack: where clocks are set, a week is an hour shorter.
const checkSlack = 2 * time.Hour

// CheckedSince is when a check was lately: after one that is later, none is due.
func (s Schedule) CheckedSince(now time.Time) time.Time {
	return now.Add(checkSlack - s.CheckEvery)
}
