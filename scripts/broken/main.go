// Command broken shows that the fault harness can fail: it builds the programs
// with one promise broken on purpose, each in its turn, and lets the harness
// run seeds on them until it says so.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the command line.
type options struct {
	faults string // the harness
	work   string // where variants are built
	root   string // of the source tree
	seed   uint64
	runs   int
	only   []string
}

func run(args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	missed := 0
	for _, v := range variants() {
		if len(o.only) > 0 && !slices.Contains(o.only, v.name) {
			continue
		}
		found, err := v.try(ctx, o)
		if err != nil {
			fmt.Fprintf(errs, "broken: %s: %v\n", v.name, err)
			return 2
		}
		fmt.Fprintf(out, "%s (%s)\n%s\n", v.name, v.what, found)
		if !found.broken {
			missed++
		}
	}
	if missed > 0 {
		fmt.Fprintf(out, "%d variants were not found\n", missed)
		return 1
	}
	return 0
}

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("broken", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&o.faults, "faults", "", "the harness")
	flags.StringVar(&o.work, "work", "", "directory to build in")
	flags.StringVar(&o.root, "root", ".", "root of the source tree")
	flags.Uint64Var(&o.seed, "seed", 1, "the first seed")
	flags.IntVar(&o.runs, "runs", 60, "how many seeds at most for each variant")
	only := flags.String("only", "", "names of variants, separated by commas; none: all")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	for _, name := range o.only {
		if !slices.ContainsFunc(variants(), func(v variant) bool { return v.name == name }) {
			fmt.Fprintf(errs, "broken: no variant is named %q\n", name)
			return o, flag.ErrHelp
		}
	}
	var err error
	o.work, err = filepath.Abs(o.work)
	return o, err
}

// finding is what the harness made of a variant.
type finding struct {
	broken bool
	runs   int
	took   time.Duration
	said   string // the first promise that it saw broken
}

func (f finding) String() string {
	if !f.broken {
		return fmt.Sprintf("    NOT FOUND in %d runs, %s", f.runs, f.took.Round(time.Second))
	}
	return fmt.Sprintf("    found by run %d, after %s: %s", f.runs, f.took.Round(time.Second), f.said)
}

func (v variant) try(ctx context.Context, o options) (finding, error) {
	bin, err := v.build(ctx, o)
	if err != nil {
		return finding{}, err
	}
	cmd := exec.CommandContext(ctx, o.faults, "-bin", bin, "-until-broken", "-only", strings.Join(v.only, ","),
		"-seed", strconv.FormatUint(o.seed, 10), "-runs", strconv.Itoa(o.runs))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it ends its fleets
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	began := time.Now()
	err = cmd.Run()
	f := finding{took: time.Since(began)}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 && ctx.Err() == nil {
		f.broken = true
	} else if err != nil {
		return f, fmt.Errorf("the harness: %w\n%s", err, said.Bytes())
	}
	f.runs, f.said = read(said.String())
	return f, nil
}

// read takes from what the harness printed how many seeds it ran, and the first
// thing that it found wrong.
func read(said string) (runs int, first string) {
	next := false
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if next && first == "" {
			first = line
		}
		if strings.HasPrefix(line, "seed ") {
			runs++
			next = strings.Contains(line, ": BROKEN; ")
		}
	}
	return runs, first
}
