package link

import (
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// comeBack is when a controller that stops wants this agent back, so that a
// fleet does not return in step. It is obeyed up to most: a controller must not
// be able to send its agents away.
func comeBack(err error, most time.Duration) (after time.Duration, told bool) {
	e, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return 0, false
	}
	for _, d := range e.Details() {
		v, err := d.Value()
		if err != nil {
			continue
		}
		if g, ok := v.(*fleetv1.GoingAway); ok {
			return min(max(g.ComeBackAfter.AsDuration(), 0), most), true
		}
	}
	return 0, false
}

// outage is why the link is down.
type outage struct {
	why  string
	back time.Time // when the controller wants to be asked again; zero: it said nothing
}

func (s outage) text(now time.Time) string {
	if s.back.IsZero() {
		return s.why
	}
	left := max(s.back.Sub(now), 0).Round(time.Second)
	return fmt.Sprintf("%s; back in %d s", s.why, int(left.Seconds()))
}
