package cmdline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/term"
	"borgfleet/shared/term/ptytest"
)

// watching is a program with one list. looks has what its looks find; the last
// one stays.
type watching struct {
	looks []any // a string to show, or an error
	n     int
}

func (w *watching) next() any {
	l := w.looks[min(w.n, len(w.looks)-1)]
	w.n++
	return l
}

func (w *watching) run(ctx context.Context, out, errs term.Screen, line string) int {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	p := Program{Name: "prog", Commands: []*cli.Command{{Name: "list", Flags: append(WatchFlags(), OutputFlag()), Action: func(c *cli.Context) error {
		now := func() time.Time { at = at.Add(time.Second); return at }
		return Watch(c, out, errs, now, func(out, errs term.Screen) error {
			switch l := w.next().(type) {
			case string:
				if asJSON, err := WantsJSON(c); asJSON || err != nil {
					return errors.Join(err, out.JSON(map[string]string{"seen": l}))
				}
				return out.Printf("%s", l)
			case error:
				return l
			}
			return errs.Printf("There is nothing.\n")
		})
	}}}}
	return p.Run(ctx, strings.Fields(line), Streams{In: strings.NewReader(""), Out: out.W, Err: errs.W})
}

// onTerminal runs the program on a terminal until stop says that it was enough.
func (w *watching) onTerminal(t *testing.T, columns, rows int, line, until string) (screen string, code int) {
	t.Helper()
	pty := ptytest.New(t, columns, rows)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan int, 1)
	go func() { done <- w.run(ctx, term.On(pty.Tty), term.On(pty.Tty), line) }()
	pty.WaitFor(until)
	cancel()
	code = <-done
	return pty.Finish(), code
}

func TestWatchDrawsInPlace(t *testing.T) {
	w := &watching{looks: []any{"ID  STATUS\n 1  running\n 2  running\n", "ID  STATUS\n 1  completed\n"}}
	screen, code := w.onTerminal(t, 60, 20, "list --watch --interval 500ms", "completed")
	want := "2026-03-01 12:00:02  every 500ms: prog list --watch --inter…\n\nID  STATUS\n 1  completed"
	if screen != want || code != ExitInterrupted {
		t.Errorf("%d\n%s\nwant\n%s", code, screen, want)
	}
}

func TestWatchSaysWhenItIsOutOfTouch(t *testing.T) {
	gone := Unavailable(errors.New("ask the controller: \x1b[2Jrefused"))
	w := &watching{looks: []any{"one\n", gone, gone, "two\n"}}
	screen, _ := w.onTerminal(t, 120, 20, "list -w --interval 500ms", "No answer")
	want := "2026-03-01 12:00:03  every 500ms: prog list -w --interval 500ms\n\n" +
		"No answer since 2026-03-01 12:00:02, and this is what was known then: ask the controller: \\x1b[2Jrefused\n\none"
	if screen != want {
		t.Errorf("%s\nwant\n%s", screen, want)
	}
	w.n = 0
	if screen, _ = w.onTerminal(t, 80, 20, "list --watch --interval 500ms", "two"); strings.Contains(screen, "No answer") {
		t.Errorf("it is still said that nobody answers:\n%s", screen)
	}
}

func TestWatchFitsTheWindow(t *testing.T) {
	var list strings.Builder
	for i := range 30 {
		fmt.Fprintf(&list, "line %d\n", i)
	}
	w := &watching{looks: []any{list.String(), list.String() + "last\n"}}
	screen, _ := w.onTerminal(t, 40, 10, "list --watch --interval 500ms", "… 25 more")
	rows := strings.Split(screen, "\n")
	if len(rows) != 9 || !strings.HasPrefix(rows[0], "2026-03-01 12:00:02  every") || rows[2] != "line 0" || rows[8] != "… 25 more lines: the window is too low …" {
		t.Errorf("%d rows\n%s", len(rows), screen)
	}
}

func TestWatchRemarks(t *testing.T) {
	w := &watching{looks: []any{nil}}
	if screen, _ := w.onTerminal(t, 80, 10, "list --watch --interval 500ms", "nothing"); !strings.HasSuffix(screen, "\n\nThere is nothing.") {
		t.Error(screen)
	}
}

func TestWatchJSON(t *testing.T) {
	gone := Unavailable(errors.New("away"))
	w := &watching{looks: []any{"one", gone, gone, "two", errors.New("the list is gone")}}
	var out, errs bytes.Buffer
	code := w.run(t.Context(), term.Screen{W: &out}, term.Screen{W: &errs}, "list --watch -o json --interval 500ms")
	if code != ExitFailed || out.String() != "{\"seen\":\"one\"}\n{\"seen\":\"two\"}\n" || strings.Count(errs.String(), "No answer since") != 1 || !strings.HasSuffix(errs.String(), "prog: the list is gone\n") {
		t.Errorf("%d\n%s%s", code, out.String(), errs.String())
	}
}

// What never worked will not begin to: the first look's error ends it.
func TestWatchFirstLook(t *testing.T) {
	w := &watching{looks: []any{Unavailable(errors.New("not running")), "late\n"}}
	var out, errs bytes.Buffer
	if code := w.run(t.Context(), term.Screen{W: &out, Terminal: true}, term.Screen{W: &errs}, "list --watch"); code != ExitUnavailable || out.Len() > 0 {
		t.Errorf("%d\n%s", code, out.String())
	}
}

func TestWatchMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"list --watch":                          "--watch draws on a terminal",
		"list --interval 3s":                    "--interval is for --watch",
		"list --watch -o json --interval 499ms": "--interval is at least 500ms",
		"list --watch -o json --interval now":   "--interval: \"now\" is not a span of time",
		"list --watch -o yaml":                  "--output is table or json",
	} {
		w := &watching{looks: []any{"seen"}}
		var out, errs bytes.Buffer
		if code := w.run(t.Context(), term.Screen{W: &out}, term.Screen{W: &errs}, line); code != ExitUsage || !strings.Contains(errs.String(), want) || w.n > 0 {
			t.Errorf("%s: %d %s", line, code, errs.String())
		}
	}
}
