package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// drawing shows the running backups: bars in place on a terminal, a plain line
// now and then where the output is piped.
type drawing struct {
	out   io.Writer
	live  bool
	lines int
	last  time.Time
}

const barWidth = 30

func newDrawing(out io.Writer) *drawing {
	f, ok := out.(*os.File)
	return &drawing{out: out, live: ok && term.IsTerminal(int(f.Fd()))}
}

func (d *drawing) draw(hosts []*host, done bool) {
	if !d.live && !done && time.Since(d.last) < time.Second {
		return
	}
	d.last = time.Now()
	if d.live && d.lines > 0 {
		fmt.Fprintf(d.out, "\x1b[%dA", d.lines)
	}
	d.lines = len(hosts)
	for _, h := range hosts {
		line := "   " + h.line()
		if d.live {
			line = "\r\x1b[K" + line
		}
		fmt.Fprintln(d.out, line)
	}
}

func (h *host) line() string {
	j := h.last
	full := j.Progress * barWidth / 100
	bar := strings.Repeat("#", full) + strings.Repeat(".", barWidth-full)
	s := fmt.Sprintf("%-5s [%s] %3d %%  %-9s %9s %6d files  %6.1f MB/s", h.name, bar, j.Progress, j.Status, size(j.Details.OriginalSize), j.Details.NFiles, j.Details.Speed)
	if j.WaitingFor != "" {
		s += "  waiting: " + j.WaitingFor
	}
	return s
}

// size writes bytes in the units that borg uses.
func size(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	f, i := float64(n), 0
	for f >= 1000 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

func indent(s string) string {
	return "   " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n   ") + "\n"
}
