// Command faults runs a whole fleet, hurts it at random moments drawn from a
// seed, and afterwards holds every promise of the design against what borg
// really did. The same seed draws the same faults; when exactly they strike is
// the machine's doing.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"borgfleet/scripts/faultfs"
)

func main() {
	faultfs.Serving()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// options are the command line.
type options struct {
	bin      string
	seed     uint64
	runs     int
	parallel int
	only     []string // kinds of faults; none: all
	noDisks  bool
	keep     bool
	until    bool // end with the first broken seed
}

func run(args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if err != nil {
		return 2
	}
	if err := o.possible(); err != nil {
		fmt.Fprintln(errs, "faults:", err)
		return 2
	}
	if o.noDisks {
		fmt.Fprintln(out, "without kinds of faults of disks")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	sum, err := campaign(ctx, o, out)
	if err != nil {
		fmt.Fprintln(errs, "faults:", err)
		return 2
	}
	sum.print(out)
	if sum.failed > 0 || ctx.Err() != nil {
		return 1
	}
	return 0
}

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&o.bin, "bin", "", "directory of the two programs, built with the tag steppedclock")
	flags.Uint64Var(&o.seed, "seed", 1, "the first seed")
	flags.IntVar(&o.runs, "runs", 10, "how many seeds, one after the other")
	flags.IntVar(&o.parallel, "parallel", 3, "how many fleets at a time: mostly they wait")
	only := flags.String("only", "", "kinds of faults to draw from, separated by commas; -kinds lists them")
	list := flags.Bool("kinds", false, "list the kinds of faults and end")
	flags.BoolVar(&o.until, "until-broken", false, "begin no other seed after one that broke a promise")
	flags.BoolVar(&o.noDisks, "no-disks", false, "draw no faults of disks, which only root can make")
	flags.BoolVar(&o.keep, "keep", false, "keep the directory of every run, not only of those that failed")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if *list {
		for _, k := range kinds() {
			fmt.Fprintf(errs, "%-20s %s\n", k.name, k.what)
		}
		return o, flag.ErrHelp
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	var err error
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return o, err
	}
	for _, name := range o.only {
		if !known(name) {
			fmt.Fprintf(errs, "faults: no kind of fault is named %q; -kinds lists them\n", name)
			return o, flag.ErrHelp
		}
	}
	return o, nil
}
