package client

import (
	"context"
	"net/http"
	"net/url"

	"borgfleet/controller/internal/api/rest"
)

// FleetEvent is a change in the fleet. One of its fields is set.
type FleetEvent struct {
	Job        *rest.Job
	Agent      *rest.Agent
	Repository *rest.Repository
	Removed    *rest.Removed
	Reset      bool  // what was known may be old: read it anew. The first event is one
	Opened     bool  // the connection stands again, and nothing was missed
	Cut        error // the connection is gone; it is made again
}

// EventFilter selects events; empty fields select everything.
type EventFilter struct {
	Types      []string
	Agent      string // id or name
	Repository string // path, name or id
}

// Events tells what changes in the fleet, until ctx ends or each gives an error;
// for ErrEnough it gives nil. A controller that goes away is asked on for ever.
func (c *Client) Events(ctx context.Context, f EventFilter, each func(FleetEvent) error) error {
	q := url.Values{"type": f.Types}
	if f.Agent != "" {
		q.Set("agent", f.Agent)
	}
	if f.Repository != "" {
		q.Set("repository", f.Repository)
	}
	s := &stream{
		c:   c,
		in:  call{method: http.MethodGet, path: "/api/events", query: q},
		cut: func(err error) error { return each(FleetEvent{Cut: err}) },
	}
	s.opened = func() error {
		missed := s.last == "" // nothing says where to go on
		return each(FleetEvent{Reset: missed, Opened: !missed})
	}
	s.heard = func(e event) error {
		switch e.name {
		case rest.EventJob:
			return decoded(e, func(v *rest.Job) error { return each(FleetEvent{Job: v}) })
		case rest.EventAgent:
			return decoded(e, func(v *rest.Agent) error { return each(FleetEvent{Agent: v}) })
		case rest.EventRepository:
			return decoded(e, func(v *rest.Repository) error { return each(FleetEvent{Repository: v}) })
		case rest.EventRemoved:
			return decoded(e, func(v *rest.Removed) error { return each(FleetEvent{Removed: v}) })
		case rest.EventReset:
			return each(FleetEvent{Reset: true})
		}
		return nil
	}
	return s.run(ctx)
}
