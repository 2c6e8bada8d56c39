// Command queries measures the controller's answers over HTTP: pages of jobs by any
// filters, and answers about the whole fleet, from stores of growing size, by a
// client that is not ours (wrk), quiet and while something writes. It asserts
// nothing and ends by itself; BENCHMARKS.md keeps what it said.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "queries:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	ctx    context.Context
	out    io.Writer
	bin    string // directory of the controller's program
	fill   string // program that fills stores
	dir    string // where stores are kept
	each   time.Duration
	writer string // command that writes; empty: our own
	only   string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	b := bench{ctx: ctx, out: out}
	flags := flag.NewFlagSet("queries", flag.ContinueOnError)
	flags.StringVar(&b.bin, "bin", "bin", "directory of borgfleet-controller")
	flags.StringVar(&b.fill, "fill", "", "the program fillstore")
	flags.StringVar(&b.dir, "dir", ".cache/queries", "where filled stores are kept for the next time")
	flags.DurationVar(&b.each, "each", 2*time.Second, "how long each figure is measured")
	flags.StringVar(&b.writer, "writer", "", "command that writes while queries are measured, with the controller's BORGFLEET_SERVER, BORGFLEET_TOKEN and BORGFLEET_DATA_DIR; it is ended (default: jobs are started and cancelled by REST)")
	flags.StringVar(&b.only, "only", "", "measure only the answers whose name has this in it")
	largest := flags.Int("jobs", 1_000_000, "jobs of the largest store; the others have a tenth and a hundredth of it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if _, err := exec.LookPath("wrk"); err != nil {
		return fmt.Errorf("wrk is missing (scripts/install-wrk.sh installs it): %w", err)
	}
	fmt.Fprintf(out, "%s, %d CPUs shared with the client, %s a figure\n", runtime.Version(), runtime.NumCPU(), b.each)
	for _, s := range []size{
		{jobs: *largest / 100, agents: 1000, repositories: 3000, schedules: 100},
		{jobs: *largest / 10, agents: 1000, repositories: 3000, schedules: 100},
		{jobs: *largest, agents: 1000, repositories: 3000, schedules: 100, writing: true},
		{jobs: *largest, agents: 10_000, repositories: 10_000, schedules: 1000, writing: true, fleetOnly: true},
	} {
		if err := b.measure(s); err != nil {
			return fmt.Errorf("%d jobs of %d agents: %w", s.jobs, s.agents, err)
		}
	}
	return nil
}
