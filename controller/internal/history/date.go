package history

import "time"

// Date is a day in UTC: how many days after 1970-01-01 it is. A day of the fleet
// has to be the same one for each who asks, and hosts are in many zones.
type Date int32

const daySeconds = 24 * 60 * 60

// DateOf is the day that t is in.
func DateOf(t time.Time) Date {
	seconds := t.Unix()
	if seconds < 0 {
		seconds -= daySeconds - 1 // a division rounds to zero
	}
	return Date(seconds / daySeconds)
}

// Time is when the day begins.
func (d Date) Time() time.Time { return time.Unix(int64(d)*daySeconds, 0).UTC() }

func (d Date) String() string { return d.Time().Format(time.DateOnly) }
