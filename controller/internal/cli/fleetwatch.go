package cli

import (
	"context"
	"slices"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/job"
)

const (
	// drawEvery is the least time between two pictures: a busy fleet has hundreds
	// of changes a second.
	drawEvery = 200 * time.Millisecond
	// refreshEvery is for what changes by itself, such as how long a job takes.
	refreshEvery = time.Second
	// mostWatched bounds what is read of jobs that run or wait.
	mostWatched = 20_000
)

// fleetShow is a way to show a fleet. Its functions are called one at a time.
type fleetShow interface {
	// heard is told of each event, after it was taken in.
	heard(*fleetState, client.FleetEvent) error
	// draw is called now and then.
	draw(*fleetState) error
}

// fleetWatcher keeps a picture of the fleet true.
type fleetWatcher struct {
	k      *controller
	cl     *client.Client
	filter client.EventFilter
	fleet  *fleetState
	show   fleetShow

	stale bool // everything is to be read anew
	known bool // it was read once
}

// run ends with ctx, or when the controller says no.
func (w *fleetWatcher) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := make(chan client.FleetEvent)
	over := make(chan error, 1)
	go func() {
		over <- w.cl.Events(ctx, w.filter, func(e client.FleetEvent) error {
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	drawn, changed := time.Time{}, false
	for {
		var err error
		select {
		case e := <-events:
			changed = true
			err = w.hear(ctx, e)
		case now := <-tick.C:
			if w.known && (changed || now.Sub(drawn) >= refreshEvery) {
				drawn, changed = now, false
				err = w.show.draw(w.fleet)
			}
		case err := <-over:
			return err
		}
		if err != nil {
			return err
		}
	}
}

func (w *fleetWatcher) hear(ctx context.Context, e client.FleetEvent) error {
	w.stale = w.stale || e.Reset
	if w.stale && e.Cut == nil {
		if err := w.load(ctx); err != nil && !w.known {
			return err
		} else if err != nil {
			e = client.FleetEvent{Cut: err} // with the next event it is tried again
		} else if err := w.tell(client.FleetEvent{Reset: true}); err != nil || e.Reset {
			return err
		}
	}
	return w.tell(e)
}

func (w *fleetWatcher) tell(e client.FleetEvent) error {
	w.fleet.hear(e, w.k.now())
	return w.show.heard(w.fleet, e)
}

// load reads everything that there is. It is asked for while events come
// already, so what changes meanwhile is told by them.
func (w *fleetWatcher) load(ctx context.Context) error {
	jobs, err := collect(ctx, w.cl, client.JobFilter{
		Agent: w.filter.Agent, Repository: w.filter.Repository, Kinds: kinds(everyKind), Statuses: []string{string(job.Pending), string(job.Running)},
	}, mostWatched)
	if err != nil {
		return err
	}
	agents, err := w.loadAgents(ctx)
	if err != nil {
		return err
	}
	w.fleet.replace(agents, jobs.Jobs)
	w.stale, w.known = false, true
	return nil
}

func (w *fleetWatcher) loadAgents(ctx context.Context) ([]rest.Agent, error) {
	if w.filter.Repository != "" {
		return nil, nil // there are no events of hosts then
	}
	agents, err := w.cl.Agents(ctx)
	if w.filter.Agent == "" {
		return agents, err
	}
	return slices.DeleteFunc(agents, func(a rest.Agent) bool { return a.ID != w.filter.Agent && a.Name != w.filter.Agent }), err
}
