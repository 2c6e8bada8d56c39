package term

import (
	"strings"
	"time"
)

// plainEvery is how often progress is written where nobody watches: often
// enough to see that it goes on, too seldom to fill a log.
const plainEvery = 10 * time.Second

// Live shows progress: a line that is written over again on a terminal, a line
// now and then elsewhere.
type Live struct {
	s     Screen
	now   func() time.Time
	shown string // on the terminal's last line now
	state string
	last  time.Time
}

// NewLive shows progress on s.
func NewLive(s Screen, now func() time.Time) *Live { return &Live{s: s, now: now} }

// Show replaces what is shown.
func (l *Live) Show(p Progress) error {
	if l.s.Terminal {
		return l.paint(p.Line(l.s.Width() - 1))
	}
	now := l.now()
	if p.State == l.state && now.Sub(l.last) < plainEvery {
		return nil
	}
	l.state, l.last = p.State, now
	return l.s.Printf("%s\n", strings.TrimRight(p.Text(), " "))
}

// Print writes a line that stays, above what is shown.
func (l *Live) Print(line string) error {
	keep := l.shown
	if err := l.Clear(); err != nil {
		return err
	}
	if err := l.s.Printf("%s\n", line); err != nil {
		return err
	}
	return l.paint(keep)
}

// Clear takes the progress line away; what follows it is ordinary output.
func (l *Live) Clear() error {
	if l.shown == "" {
		return nil
	}
	l.shown = ""
	return l.s.Printf("\r\x1b[K")
}

func (l *Live) paint(line string) error {
	if line == l.shown {
		return nil
	}
	l.shown = line
	return l.s.Printf("\r\x1b[K%s", line)
}
