package term

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func half() Progress {
	return Progress{
		State: "running", Known: true, Percent: 50.9, Done: 1_500_000_000, Total: 3_000_000_000, Files: 12345,
		Speed: 45.25, Left: 90 * time.Second, Current: "home/x/\x1b[2Jfile",
	}
}

func TestProgressLine(t *testing.T) {
	want := `[##########..........]  running   50 %  1.5 GB of 3.0 GB  12 345 files  45.2 MB/s  1m 30s left  home/x/\x1b[2Jfile`
	if got := half().Line(200); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for width := 1; width < 150; width++ {
		if got := half().Line(width); Columns(got) > width {
			t.Errorf("at %d columns the line has %d: %q", width, Columns(got), got)
		}
	}
}

func TestProgressWithoutTotalShowsNone(t *testing.T) {
	p := half()
	p.Known, p.Current = false, ""
	if got := p.Line(200); strings.Contains(got, "%") || strings.Contains(got, "[") {
		t.Errorf("%q shows a percentage that is not known", got)
	}
}

func TestLivePlain(t *testing.T) {
	var b bytes.Buffer
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	l := NewLive(On(&b), func() time.Time { return now })
	waits := Progress{State: "waiting: host busy"}
	for range 30 { // seconds
		must(t, l.Show(waits))
		now = now.Add(time.Second)
	}
	must(t, l.Show(half()))
	must(t, l.Print("warning: x"))
	must(t, l.Clear())
	want := strings.Repeat("waiting: host busy\n", 3) +
		"running   50 %  1.5 GB of 3.0 GB  12 345 files  45.2 MB/s  1m 30s left\nwarning: x\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestLiveOnTerminal(t *testing.T) {
	var b bytes.Buffer
	s := Screen{W: &b, Terminal: true}
	l := NewLive(s, time.Now)
	l.shown = "old"
	must(t, l.Print("a line"))
	must(t, l.Clear())
	if want := "\r\x1b[Ka line\n\r\x1b[Kold\r\x1b[K"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
