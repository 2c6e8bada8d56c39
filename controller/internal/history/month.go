package history

import (
	"errors"
	"time"
)

// Month is a month in UTC: how many there are before it since the year 0.
type Month uint32

// MonthOf is the month that a day is in.
func MonthOf(d Date) Month {
	t := d.Time()
	return Month(t.Year()*12 + int(t.Month()) - 1)
}

// First is its first day.
func (m Month) First() Date {
	return DateOf(time.Date(int(m)/12, time.Month(m%12)+1, 1, 0, 0, 0, 0, time.UTC))
}

// MonthTallies are the tallies of a month's days, the first day first.
type MonthTallies [31]Tally

// Add counts jobs of one day of the month m.
func (t *MonthTallies) Add(m Month, d Date, more Tally) {
	at := &t[d-m.First()]
	*at = at.Plus(more)
}

const monthVersion = 1 // the first byte of the stored form

// Encode gives the stored form: each day that has jobs, by its place in the
// month, and its tally.
func (t *MonthTallies) Encode() []byte {
	b := []byte{monthVersion}
	for i, of := range t {
		if of != (Tally{}) {
			b = AppendTally(append(b, byte(i)), of)
		}
	}
	return b
}

// DecodeMonth reads what Encode wrote.
func DecodeMonth(b []byte) (t MonthTallies, err error) {
	if len(b) == 0 || b[0] != monthVersion {
		return t, errMonth
	}
	for b = b[1:]; len(b) > 0; {
		i := int(b[0])
		if i >= len(t) {
			return t, errMonth
		}
		if t[i], b, err = ReadTally(b[1:]); err != nil {
			return t, err
		}
	}
	return t, nil
}

var errMonth = errors.New("the tallies of a month do not read")
