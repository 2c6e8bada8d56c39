// Package ping is the controller's dead-man's switch: it calls a URL each minute in
// which the controller can do its work. What does not come tells what nobody else
// could tell any more.
package ping

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"borgfleet/shared/pinging"
)

// Every is how often it calls.
const Every = time.Minute

// Options is what a Pinger needs. Check, Logger and Now must be set.
type Options struct {
	URL    string                      // empty: nothing is called
	Check  func(context.Context) error // whether the controller can do its work
	Logger *slog.Logger
	Every  time.Duration // 0: Every
	Now    func() time.Time
}

// Pinger calls.
type Pinger struct {
	Options
	caller *pinging.Caller

	mu    sync.Mutex
	state State // guarded by mu
}

// State is how the calls go.
type State struct {
	LastSuccess  time.Time // zero: none went well since the controller's start
	FailingSince time.Time // zero: the last one went well, or there is none yet
}

// State may be asked for at any time.
func (p *Pinger) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// New makes a Pinger.
func New(o Options) *Pinger {
	if o.Every == 0 {
		o.Every = Every
	}
	return &Pinger{Options: o, caller: pinging.New(pinging.Timeout)}
}

// Run calls until ctx ends.
func (p *Pinger) Run(ctx context.Context) {
	if p.URL == "" {
		return
	}
	defer p.caller.Close()
	tick := time.NewTicker(p.Every)
	defer tick.Stop()
	for well := true; ; {
		well = p.once(ctx, well)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// once logs the first failure of a row, and its end.
func (p *Pinger) once(ctx context.Context, well bool) bool {
	err := p.Check(ctx)
	what := "the controller cannot do its work, so it does not call the ping URL"
	if err == nil {
		err, what = p.caller.Call(ctx, p.URL), "the ping URL does not answer"
	}
	switch {
	case ctx.Err() != nil:
		return well
	case err != nil && well:
		p.Logger.Error(what, "err", err)
	case err == nil && !well:
		p.Logger.Info("the ping URL was called again")
	}
	p.note(err == nil)
	return err == nil
}

func (p *Pinger) note(well bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now()
	switch {
	case well:
		p.state = State{LastSuccess: now}
	case p.state.FailingSince.IsZero():
		p.state.FailingSince = now
	}
}
