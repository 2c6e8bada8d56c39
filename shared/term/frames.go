package term

import (
	"fmt"
	"strings"
)

// Frames shows one picture after the other in the same place of a terminal.
type Frames struct {
	s     Screen
	rows  int // of the last picture
	width int // of the window then
}

// NewFrames shows pictures on s, which is a terminal.
func NewFrames(s Screen) *Frames { return &Frames{s: s} }

// Show replaces the last picture. What the window has no room for is left out,
// and that is said: a picture that scrolls cannot be replaced.
func (f *Frames) Show(text string) error {
	width, height := f.s.Width(), f.s.Height()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if room := max(2, height-1); len(lines) > room {
		more := len(lines) - room + 1
		lines = append(lines[:room-1], fmt.Sprintf("%s %d more lines: the window is too low for them", ellipsis, more))
	}
	var b strings.Builder
	switch {
	case f.rows > 0 && width != f.width:
		b.WriteString("\x1b[H\x1b[2J") // the window broke the lines anew: nothing is where it was
	case f.rows > 0:
		fmt.Fprintf(&b, "\x1b[%dA", f.rows)
	}
	for _, l := range lines {
		// First cleared: behind a line that fills the row it would take the
		// last character away.
		b.WriteString("\r\x1b[K" + cutEnd(l, width) + "\n")
	}
	b.WriteString("\x1b[J")
	f.rows, f.width = len(lines), width
	return f.s.Printf("%s", b.String())
}
