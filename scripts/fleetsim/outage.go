package main

import (
	"context"
	"fmt"
	"time"

	"borgfleet/scripts/testenv"
)

// outage is a controller that goes away, and comes back.
type outage struct {
	How      string         `json:"how"`
	Down     float64        `json:"down_seconds"`
	Back     float64        `json:"all_back_seconds"`         // since it was started again
	Settled  float64        `json:"all_acknowledged_seconds"` // and all that the hosts had to say then is acknowledged
	Attempts int64          `json:"attempts"`
	While    map[string]int `json:"failed_while_down"`
	Refused  map[string]int `json:"failed_after"`
}

// strike ends the controller, starts it again after down, and waits until the fleet
// is back.
func (f *fleet) strike(ctx context.Context, c *testenv.Controller, how string, down, patience time.Duration) (outage, error) {
	o := outage{How: how}
	f.refusals.take()
	end := c.Stop
	if how == "kill" {
		end = c.Kill
	}
	gone := time.Now()
	if err := end(); err != nil {
		return o, err
	}
	attempts := f.attempts.Load()
	select {
	case <-ctx.Done():
		return o, ctx.Err()
	case <-time.After(down - time.Since(gone)): // the outage itself
	}
	began := time.Now()
	if err := c.Start(); err != nil {
		return o, err
	}
	o.Down = time.Since(gone).Seconds()
	o.While = f.refusals.take()
	until := began.Add(patience)
	if err := f.await(ctx, "all agents are back", until, func() bool { return f.not(func(h *host) bool { return h.back(began) }) == 0 }); err != nil {
		return o, err
	}
	o.Back = time.Since(began).Seconds()
	unsettled := func() int { return f.not(func(h *host) bool { return h.settled(began) }) }
	if err := f.await(ctx, "all reports are acknowledged", until, func() bool { return unsettled() == 0 }); err != nil {
		return o, fmt.Errorf("%w; %d hosts wait", err, unsettled())
	}
	o.Settled = time.Since(began).Seconds()
	o.Attempts = f.attempts.Load() - attempts
	o.Refused = f.refusals.take()
	return o, nil
}
