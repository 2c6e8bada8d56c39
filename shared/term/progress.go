package term

import (
	"fmt"
	"strings"
	"time"
)

// Progress is how far a job has come, as a person sees it.
type Progress struct {
	State   string // the status, or what it waits for
	Known   bool   // Percent and Total are known
	Percent float64
	Done    int64 // bytes
	Total   int64
	Files   int64
	Speed   float64 // MB/s, MB = 10^6
	Left    time.Duration
	Current string // file
}

const barWidth = 20

// Text is the progress without a bar.
func (p Progress) Text() string { return strings.Join(p.parts(), "  ") }

// Line is the progress with a bar, in at most width columns.
func (p Progress) Line(width int) string {
	line := p.Text()
	if p.Known && width >= 60 {
		line = p.Bar(barWidth) + "  " + line
	}
	if left := width - Columns(line) - 2; p.Current != "" && left >= 2*leastCut {
		line += "  " + cutStart(Clean(p.Current), left)
	}
	return cutEnd(line, width)
}

func (p Progress) parts() []string {
	var parts []string
	if p.State != "" {
		parts = append(parts, Clean(p.State))
	}
	if p.Known {
		parts = append(parts, fmt.Sprintf("%3.0f %%", p.whole()))
	}
	switch {
	case p.Known && p.Total > 0:
		parts = append(parts, Size(p.Done)+" of "+Size(p.Total))
	case p.Done > 0:
		parts = append(parts, Size(p.Done))
	}
	if p.Files > 0 {
		parts = append(parts, Count(p.Files)+" files")
	}
	if p.Speed > 0 {
		parts = append(parts, fmt.Sprintf("%.1f MB/s", p.Speed))
	}
	if p.Left > 0 {
		parts = append(parts, Duration(p.Left)+" left")
	}
	return parts
}

// whole rounds down: 100 is said of what is done only.
func (p Progress) whole() float64 { return float64(int(min(max(p.Percent, 0), 100))) }

// Bar is the progress as a bar of width columns and its brackets. It is full
// for what is done only.
func (p Progress) Bar(width int) string {
	full := int(p.whole() / 100 * float64(width))
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}
