package jobdir

import (
	"time"
	"unicode/utf8"

	"borgfleet/shared/job"
)

// Limits bound what one job's journal may take.
type Limits struct {
	MaxBytes int64 // of one journal; 0: DefaultMaxBytes
	MinFree  int64 // of the disk it is on; 0: DefaultMinFree; negative: none
}

// Defaults: an hour of file lists at full speed, or years of plain jobs.
const (
	DefaultMaxBytes = 64 << 20
	DefaultMinFree  = 64 << 20
)

func (l Limits) orDefault() Limits {
	if l.MaxBytes == 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	if l.MinFree == 0 {
		l.MinFree = DefaultMinFree
	}
	return l
}

// maxText is where a line's text is cut, as it is written: with what borg does
// not print written out, a line can be four times as long as what borg printed.
// A record must stay below maxRecord, or it and all behind it in its segment
// could not be read, and below what the controller keeps in one piece.
const (
	maxText  = 512 << 10
	cutShort = " [line truncated]"
)

func shorten(text string) string {
	if len(text) <= maxText {
		return text
	}
	n := maxText - len(cutShort)
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + cutShort
}

const (
	reasonFull  = "the job's log reached its limit"
	reasonSpace = "the agent's disk is nearly full"
	reasonDisk  = "the agent's disk refused the journal"
	reasonLost  = "lost on the agent's disk"
)

// budget decides what is still written. File lists and debug lines go first,
// then information; warnings and errors are written to the very end, and the
// agent's own few lines and the answers of lists always.
type budget struct {
	checked time.Time
	low     bool // free space is below the floor
}

// refresh looks at the disk at most once a second.
func (b *budget) refresh(j *Journal) {
	now := j.now()
	if j.limits.MinFree < 0 || now.Sub(b.checked) < time.Second {
		return
	}
	b.checked = now
	free, err := j.store.free()
	b.low = err == nil && free < j.limits.MinFree
}

// refuses says why a line is left out, or nothing. What carries data is an
// answer, and half of an answer is a wrong one.
func (b *budget) refuses(j *Journal, l Line) string {
	switch {
	case len(l.Data) > 0:
		// It has as much room again, and DataLost tells when that was too little.
		if j.total >= 2*j.limits.MaxBytes {
			return reasonFull
		}
		if b.low {
			return reasonSpace
		}
		return ""
	case l.Source == "agent":
		return ""
	}
	expendable := l.Expendable || l.Level <= job.LevelDebug
	grave := l.Level >= job.LevelWarning
	limit := j.limits.MaxBytes
	switch {
	case expendable:
		limit -= limit / 4
	case !grave:
		limit -= limit / 8
	}
	if j.total >= limit {
		return reasonFull
	}
	if b.low && !grave {
		return reasonSpace
	}
	return ""
}

// loss is what was left out since the last record.
type loss struct {
	count    uint64
	reason   string
	consumed uint64
	since    time.Time
}

func (l *loss) add(n uint64, reason string, consumed uint64, now time.Time) {
	if l.count == 0 {
		l.since = now
	}
	l.count += n
	l.reason = reason
	l.consumed = max(l.consumed, consumed)
}

// overdue says that the loss should be written down although nothing else is:
// whoever follows the log should see that lines are left out.
func (l *loss) overdue(now time.Time) bool {
	return l.count > 0 && now.Sub(l.since) >= 10*time.Second
}

func (l *loss) record(now time.Time) job.Record {
	return job.Record{
		Time: now, Level: job.LevelWarning, Source: "agent", Consumed: l.consumed,
		Text: gapText(l.count, l.reason), Gap: &job.Gap{Count: l.count, Reason: l.reason},
	}
}
