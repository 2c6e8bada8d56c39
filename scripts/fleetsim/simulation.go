package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// simulation is one run.
type simulation struct {
	o        options
	progress func(format string, args ...any) // tells people how far it is
	result   result

	c      *controller
	f      *fleet
	script *script
	check  *check

	beforeEnd func(context.Context) // with everything still there; for tests. nil: nothing
}

func (s *simulation) run(ctx context.Context) (err error) {
	s.result.Seed, s.result.Agents, s.result.Running = s.o.seed, s.o.agents, s.o.running
	if s.c, err = startOrFind(ctx, s.o); err != nil {
		return fmt.Errorf("controller: %w", err)
	}
	defer func() { err = errors.Join(err, s.c.close()) }()
	url, err := s.c.agents()
	if err != nil {
		return err
	}
	s.f = newFleet(s.o, url)
	s.script = newScript(s.f, s.c.people)
	defer s.f.close()
	if err := s.remember(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{s.enrol, s.connect, s.register, s.load, s.drain, s.compare} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if s.beforeEnd != nil {
		s.beforeEnd(ctx)
	}
	return nil
}

// remember notes which jobs there were before: those of an earlier run are not
// this one's.
func (s *simulation) remember() error {
	// A schedule's job is as old as the minute that it was due in.
	s.check = &check{f: s.f, people: s.c.people, since: time.Now().Add(-2 * time.Minute), before: map[int64]bool{}}
	old, err := s.c.people.jobs(s.check.since)
	for _, a := range old {
		s.check.before[a.ID] = true
	}
	return err
}

func (s *simulation) enrol(ctx context.Context) error {
	began := time.Now()
	n, err := s.f.enrol(ctx, s.c.people.joinToken)
	if err != nil {
		return err
	}
	s.result.Enrolled, s.result.EnrolRate = n, float64(n)/time.Since(began).Seconds()
	s.progress("%d of %d agents enrolled in %.1f s", n, s.o.agents, time.Since(began).Seconds())
	return nil
}

func (s *simulation) connect(ctx context.Context) error {
	own, err := usageOf(os.Getpid())
	if err != nil {
		return err
	}
	if s.result.ControllerIdle, err = s.c.usage(); err != nil {
		return err
	}
	began := time.Now()
	if err := s.f.connect(ctx, s.o.back); err != nil {
		return err
	}
	s.result.Connect = time.Since(began).Seconds()
	s.result.ConnectFailed = s.f.refusals.take()
	now, err := usageOf(os.Getpid())
	if err != nil {
		return err
	}
	c, err := s.c.usage()
	if err != nil {
		return err
	}
	agents := int64(s.o.agents)
	s.result.SimulatorAgent = max(0, now.RSS-own.RSS) / agents
	s.result.ControllerAgent = max(0, c.RSS-s.result.ControllerIdle.RSS) / agents
	s.progress("all connected in %.1f s; failed on the way: %s", s.result.Connect, reasons(s.result.ConnectFailed))
	return nil
}

func (s *simulation) register(ctx context.Context) error {
	began := time.Now()
	if err := s.script.register(ctx); err != nil {
		return err
	}
	s.result.Register = time.Since(began).Seconds()
	s.result.RegisterRate = float64(s.o.agents) / s.result.Register
	s.progress("repositories registered in %.1f s", s.result.Register)
	return nil
}

// load plays the script, with the outages at even distances.
func (s *simulation) load(ctx context.Context) error {
	working, stop := context.WithTimeout(ctx, s.o.span)
	defer stop()
	s.f.figures.take() // that of inits
	before, err := s.cpu()
	if err != nil {
		return err
	}
	var average mean
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.script.play(working) })
	g.Go(func() error { return s.script.cancel(working) })
	g.Go(func() error { return s.outages(ctx, working) })
	g.Go(func() error {
		average.watch(working, s.f)
		return s.measure(before, average.value())
	})
	if err := g.Wait(); err != nil {
		return err
	}
	s.result.ToOrder, s.result.Failures = s.f.books.toOrder().spread(), s.f.refusals.take()
	return nil
}

// measure tells what was sent in the time in which jobs were started. before is the
// processor time until then.
func (s *simulation) measure(before [2]float64, running float64) error {
	after, err := s.cpu()
	if err != nil {
		return err
	}
	seconds := s.o.span.Seconds()
	acks, lines, statuses := s.f.figures.take()
	s.result.Acks = acks.spread()
	s.result.Rate = load{
		Seconds: seconds, Running: running, Statuses: float64(statuses) / seconds, Lines: float64(lines) / seconds,
		CPU: max(0, after[0]-before[0]) / seconds, OwnCPU: (after[1] - before[1]) / seconds,
	}
	return nil
}

// outages strike at even distances.
func (s *simulation) outages(ctx, working context.Context) error {
	gap := s.o.span / time.Duration(len(s.o.outages)+1)
	for _, how := range s.o.outages {
		select {
		case <-working.Done():
		case <-time.After(gap):
		}
		s.progress("the controller goes away (%s)", how)
		o, err := s.f.strike(ctx, s.c.env.Controller, how, s.o.down, s.o.back)
		if err != nil {
			return fmt.Errorf("outage (%s): %w", how, err)
		}
		s.result.Outages = append(s.result.Outages, o)
		s.progress("all back after %.1f s", o.Back)
	}
	return nil
}

// cpu is what controller and simulator have used. A controller that was started
// again begins anew.
func (s *simulation) cpu() (both [2]float64, err error) {
	c, err := s.c.usage()
	if err != nil {
		return both, err
	}
	own, err := usageOf(os.Getpid())
	return [2]float64{c.CPU, own.CPU}, err
}

// drain waits until every job is over, and the controller has all of it.
func (s *simulation) drain(ctx context.Context) error {
	began := time.Now()
	s.f.over.Store(true)
	cancels, stop := context.WithCancel(ctx)
	defer stop()
	g, cancels := errgroup.WithContext(cancels)
	g.Go(func() error { return s.script.cancel(cancels) })
	until := began.Add(2*s.o.rates.longest + s.o.back)
	for time.Now().Before(until) && ctx.Err() == nil {
		open, running := s.f.playing()
		if open == 0 {
			break
		}
		if since := time.Since(began); since > 5*time.Second && int(since.Seconds())%10 == 0 {
			s.progress("%d jobs are not over, %d of them run", open, running)
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(time.Second, 20*time.Millisecond+time.Since(began)/10)):
		}
	}
	stop()
	s.result.Drained = time.Since(began).Seconds()
	return errors.Join(g.Wait(), ctx.Err())
}

// compare asks the controller for everything that was played.
func (s *simulation) compare(ctx context.Context) error {
	var err error
	if s.result.Controller, err = s.c.usage(); err != nil {
		return err
	}
	if s.result.Simulator, err = usageOf(os.Getpid()); err != nil {
		return err
	}
	s.result.Jobs = len(s.f.books.plays)
	for _, p := range s.f.books.plays {
		s.result.Lines += p.made
	}
	s.result.Late = s.script.late.Load()
	s.progress("%d jobs played; comparing", s.result.Jobs)
	began := time.Now()
	s.result.Differences, err = s.check.run(ctx)
	s.result.Checked = time.Since(began).Seconds()
	return err
}

// mean is how many jobs run.
type mean struct {
	sum, n int
}

func (m *mean) watch(ctx context.Context, f *fleet) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, running := f.playing()
			m.sum += running
			m.n++
		}
	}
}

func (m *mean) value() float64 { return float64(m.sum) / float64(max(m.n, 1)) }
