package history

import (
	"encoding/binary"
	"errors"

	"borgfleet/shared/job"
)

// Tally is what some jobs came to. The zero Tally is that of no job. Tallies
// add up, so those of jobs that are gone can be kept in place of their rows.
type Tally struct {
	by       [statusCodes]int64 // jobs by the code of their status
	Original int64              // bytes read
	Dedup    int64              // bytes added to repositories
	Seconds  int64              // how long the timed ones took in all
	Timed    int64              // jobs of which it is known how long they took
}

// TallyOf is the tally of one job.
func TallyOf(r Row) Tally {
	t := Tally{Original: r.Original, Dedup: r.Dedup}
	t.by[statusCode(r.Status)]++
	t.time(seconds(r.StartedAt), seconds(r.EndedAt))
	return t
}

// time counts how long a job took, if that is known. An end before the start is
// of a clock that was set in between.
func (t *Tally) time(started, ended uint32) {
	if started != 0 && ended >= started {
		t.Seconds += int64(ended - started)
		t.Timed++
	}
}

// Plus is the tally of the jobs of both.
func (t Tally) Plus(o Tally) Tally {
	more := o.figures()
	for i, figure := range t.figures() {
		*figure = sum(*figure, *more[i])
	}
	return t
}

// Jobs is how many there are.
func (t Tally) Jobs() int64 {
	var n int64
	for _, of := range t.by {
		n += of
	}
	return n
}

// Of is how many have this status.
func (t Tally) Of(s job.Status) int64 {
	if code := statusCode(s); code != 0 {
		return t.by[code]
	}
	return 0
}

// figures are all that a tally is, in the order of the form on disk. The codes of
// the statuses are a part of that form, as they are of a row's.
func (t *Tally) figures() [tallyFigures]*int64 {
	all := [tallyFigures]*int64{&t.Original, &t.Dedup, &t.Seconds, &t.Timed}
	for code := 1; code < statusCodes; code++ {
		all[3+code] = &t.by[code]
	}
	return all
}

const tallyFigures = 4 + statusCodes - 1

// AppendTally appends t's stored form to b. Most figures of a day are small.
func AppendTally(b []byte, t Tally) []byte {
	for _, figure := range t.figures() {
		b = binary.AppendVarint(b, *figure)
	}
	return b
}

// ReadTally reads what AppendTally wrote, and gives what follows it.
func ReadTally(b []byte) (t Tally, rest []byte, err error) {
	for _, figure := range t.figures() {
		v, n := binary.Varint(b)
		if n <= 0 {
			return Tally{}, nil, errShortTally
		}
		*figure, b = v, b[n:]
	}
	return t, b, nil
}

var errShortTally = errors.New("the tally is cut short")
