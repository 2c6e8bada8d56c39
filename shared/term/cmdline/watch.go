package cmdline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/term"
)

// leastInterval keeps people from asking a controller without pause.
const leastInterval = 500 * time.Millisecond

// wholeLine is where a command finds how it was called.
const wholeLine = "line"

// WatchFlags make a command one that Watch can repeat.
func WatchFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "show it again and again, until Ctrl-C; with -o json a line each time"},
		&cli.StringFlag{Name: "interval", Value: "2s", Usage: "with --watch: how long between two looks, as `TIME`"},
	}
}

// View is what a command shows, and where: out for what it was asked, errs for
// remarks.
type View func(out, errs term.Screen) error

// Watch carries show out once, or with --watch again and again in the same
// place. When what it asks goes away for a while, the last picture stays, with
// a note.
func Watch(c *cli.Context, out, errs term.Screen, now func() time.Time, show View) error {
	interval, err := watchInterval(c, out)
	if err != nil {
		return err
	}
	if interval == 0 {
		return show(out, errs)
	}
	w := watcher{out: out, errs: errs, now: now, show: show, line: calledAs(c), interval: interval}
	w.draw = w.picture
	if asJSON, _ := WantsJSON(c); asJSON {
		w.draw = w.document
	} else {
		w.frames = term.NewFrames(out)
	}
	return w.run(c.Context)
}

// watchInterval is 0 if nothing is to be repeated.
func watchInterval(c *cli.Context, out term.Screen) (time.Duration, error) {
	if !c.Bool("watch") {
		if c.IsSet("interval") && os.Getenv("BORGFLEET_INTERVAL") == "" {
			return 0, Usagef("--interval is for --watch, which is not given")
		}
		return 0, nil
	}
	interval, err := Span(c.String("interval"))
	if err != nil {
		return 0, Usagef("--interval: %w", err)
	}
	if interval < leastInterval {
		return 0, Usagef("--interval is at least %s", leastInterval)
	}
	asJSON, err := WantsJSON(c)
	if err == nil && !asJSON && !out.Terminal {
		err = Usagef("--watch draws on a terminal, and this is none: leave it out, or add -o json for one line each time")
	}
	return interval, err
}

// calledAs is the line that a person typed.
func calledAs(c *cli.Context) string {
	args, _ := c.App.Metadata[wholeLine].([]string)
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = term.Shell(a)
	}
	return term.Clean(strings.Join(words, " "))
}

type watcher struct {
	out, errs term.Screen
	now       func() time.Time
	show      View
	line      string
	interval  time.Duration
	draw      func() error
	frames    *term.Frames

	last  string // the last picture that could be had
	seen  bool
	since time.Time // when the look began to fail; zero: it works
}

func (w *watcher) run(ctx context.Context) error {
	for {
		if err := w.draw(); err != nil {
			if ctx.Err() != nil {
				return Silently(ExitInterrupted)
			}
			return err
		}
		pause := time.NewTimer(w.interval)
		select {
		case <-ctx.Done():
			pause.Stop()
			return Silently(ExitInterrupted)
		case <-pause.C:
		}
	}
}

// look shows into a buffer. note is not empty when what is asked is away; then
// the buffer has what was known last.
func (w *watcher) look() (text, note string, err error) {
	var b bytes.Buffer
	errs := w.out.To(&b) // remarks stand in the picture
	if w.frames == nil {
		errs = w.errs
	}
	err = w.show(w.out.To(&b), errs)
	if err != nil && (!w.seen || !away(err)) {
		return "", "", err
	}
	if err != nil {
		if w.since.IsZero() {
			w.since = w.now()
		}
		return w.last, fmt.Sprintf("No answer since %s, and this is what was known then: %s", term.Time(w.since), term.Clean(err.Error())), nil
	}
	w.last, w.seen, w.since = b.String(), true, time.Time{}
	return w.last, "", nil
}

func (w *watcher) picture() error {
	text, note, err := w.look()
	if err != nil {
		return err
	}
	if note != "" {
		text = note + "\n\n" + text
	}
	// The time first: it must not be what a narrow window cuts off.
	return w.frames.Show(fmt.Sprintf("%s  every %s: %s\n\n%s", term.Time(w.now()), w.interval, w.line, text))
}

// document writes what -o json shows on one line.
func (w *watcher) document() error {
	before := w.since
	text, note, err := w.look()
	if err != nil {
		return err
	}
	if note != "" {
		if before.IsZero() { // once, and no old document again
			return w.errs.Printf("%s\n", note)
		}
		return nil
	}
	var line bytes.Buffer
	if err := json.Compact(&line, []byte(text)); err != nil {
		return fmt.Errorf("write a line: %w", err)
	}
	return w.out.Printf("%s\n", line.String())
}

// away says whether err may pass by itself: a restart, say.
func away(err error) bool {
	return Code(err) == ExitUnavailable || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
