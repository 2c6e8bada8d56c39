// Command fleetsim plays a whole fleet of agents against a real controller: each
// with its own key and certificate, its own connection and its own address, and
// with jobs whose every status, figure and line is known beforehand. At the end it
// asks the controller over REST, and tells each difference.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"borgfleet/shared/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run gives the exit status: 1 for differences, 2 for a run that did not come to
// its end.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	s := &simulation{o: o, progress: func(format string, args ...any) { fmt.Fprintf(errs, format+"\n", args...) }}
	err = s.run(ctx)
	if err == nil || s.result.Jobs > 0 {
		screen := term.On(out)
		if o.json {
			err = errors.Join(err, screen.JSON(s.result))
		} else {
			err = errors.Join(err, s.result.print(screen))
		}
	}
	switch {
	case err != nil:
		fmt.Fprintln(errs, "fleetsim:", err)
		return 2
	case len(s.result.Differences) > 0:
		return 1
	}
	return 0
}
