// Command fillstore makes a data directory with the history of a whole fleet in
// it, to measure with: the same one for the same flags. It is never shipped. What
// it writes goes through the controller's own store, so it is what a controller
// writes, and borgfleet-controller serves it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"borgfleet/controller/internal/backup"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/secretfile"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fillstore:", err)
		os.Exit(1)
	}
}

// sizes say how large the fleet is.
type sizes struct {
	jobs         int
	agents       int
	repositories int
	schedules    int
	active       int           // of the jobs: the newest ones, which have not ended
	logs         int           // of the jobs: the newest ones that have a log
	span         time.Duration // of the history
	until        time.Time
	seed         uint64
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	var of sizes
	flags := flag.NewFlagSet("fillstore", flag.ContinueOnError)
	dir := flags.String("data-dir", "", "directory that is to be filled; it must have no store yet")
	flags.IntVar(&of.jobs, "jobs", 1_000_000, "jobs, about")
	flags.IntVar(&of.agents, "agents", 1000, "agents")
	flags.IntVar(&of.repositories, "repositories", 3000, "repositories; at least as many as agents")
	flags.IntVar(&of.schedules, "schedules", 100, "schedules")
	flags.IntVar(&of.active, "active", 100, "jobs that have not ended, about")
	flags.IntVar(&of.logs, "logs", 5000, "jobs with a log")
	flags.DurationVar(&of.span, "span", 2*365*24*time.Hour, "from the oldest job to the newest")
	until := flags.String("until", "", "when the newest job was made (RFC 3339; default: now)")
	flags.Uint64Var(&of.seed, "seed", 1, "another one makes another history")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if of.until, err = newest(*until); err != nil {
		return err
	}
	if err := of.check(*dir); err != nil {
		return err
	}
	if err := secretfile.MakeDir(*dir); err != nil {
		return err
	}
	began := time.Now()
	// Without it a controller would look for the authority of these hosts.
	if err := secretfile.Write(filepath.Join(*dir, backup.NewAuthorityMark), nil, 0o600); err != nil {
		return err
	}
	st, err := store.Open(filepath.Join(*dir, "store"), store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if st.Count() > 0 || len(st.Agents()) > 0 {
		return fmt.Errorf("%s has a store with a fleet in it: name another directory", *dir)
	}
	if err := newFiller(of, st).fill(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d jobs of %d agents in %s\n", st.Count(), of.agents, time.Since(began).Round(time.Second))
	return err
}

func newest(s string) (time.Time, error) {
	if s == "" {
		return time.Now().UTC().Truncate(time.Minute), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("-until: %w", err)
	}
	return t.UTC(), nil
}

func (s sizes) check(dir string) error {
	switch {
	case dir == "":
		return errors.New("-data-dir is missing")
	case s.jobs < 1 || s.agents < 1 || s.schedules < 1 || s.repositories < s.agents || s.span <= 0:
		return errors.New("there is at least one job, one schedule, one agent, and a repository for each agent")
	}
	return nil
}
