package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// campaign runs the seeds and prints a line for each.
func campaign(ctx context.Context, o options, out io.Writer) (*summary, error) {
	base, err := os.MkdirTemp("", "borgfleet-faults-")
	if err != nil {
		return nil, err
	}
	sum := &summary{began: time.Now(), drawn: map[string]int{}, statuses: map[string]int{}, fires: map[string]int{}, base: base}
	var g errgroup.Group
	g.SetLimit(max(o.parallel, 1))
	for i := range o.runs {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if ctx.Err() != nil || o.until && sum.broken() {
				return nil
			}
			seed := o.seed + uint64(i)
			r := newTrial(seed, o, base)
			r.run(ctx)
			if ctx.Err() != nil {
				return nil // somebody ended it in the middle: it shows nothing
			}
			sum.add(r, out, o.keep)
			return nil
		})
	}
	err = g.Wait()
	if sum.failed == 0 && !o.keep {
		os.RemoveAll(base)
	}
	return sum, err
}

// summary adds the runs up.
type summary struct {
	began time.Time
	base  string

	mu       sync.Mutex // guards what follows
	runs     int
	failed   int
	seeds    []uint64 // that failed
	drawn    map[string]int
	statuses map[string]int
	fires    map[string]int
	lines    int
	jobs     int
}

func (s *summary) add(r *trial, out io.Writer, keep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs++
	s.jobs += len(r.jobs)
	s.lines += r.lines
	for _, f := range r.plan.faults() {
		s.drawn[f.kind.name]++
	}
	for _, j := range r.jobs {
		s.statuses[j.Status]++
	}
	for what, n := range r.fires {
		s.fires[what] += n
	}
	if len(r.problems) == 0 {
		fmt.Fprintf(out, "seed %d: kept every promise; %s; %d jobs, %d lines, %s\n", r.seed, r.plan, len(r.jobs), r.lines, r.took.Round(100*time.Millisecond))
		if !keep {
			os.RemoveAll(r.dir)
		}
		return
	}
	s.failed++
	s.seeds = append(s.seeds, r.seed)
	fmt.Fprintf(out, "seed %d: BROKEN; %s; everything is in %s\n", r.seed, r.plan, r.dir)
	for _, p := range r.problems {
		fmt.Fprintf(out, "    %s\n", p)
	}
}

func (s *summary) broken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed > 0
}

func (s *summary) print(out io.Writer) {
	fmt.Fprintf(out, "\n%d runs in %s, %d broken", s.runs, time.Since(s.began).Round(time.Second), s.failed)
	if s.failed > 0 {
		slices.Sort(s.seeds)
		fmt.Fprintf(out, ": seeds %v", s.seeds)
	}
	fmt.Fprintf(out, "\n%d jobs, %d log lines\n", s.jobs, s.lines)
	printCounts(out, "faults drawn", s.drawn)
	printCounts(out, "jobs ended", s.statuses)
	printCounts(out, "of schedules", s.fires)
}

func printCounts(out io.Writer, what string, counts map[string]int) {
	total := 0
	for _, n := range counts {
		total += n
	}
	fmt.Fprintf(out, "%s: %d\n", what, total)
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(out, "  %6d  %s\n", counts[name], name)
	}
}
