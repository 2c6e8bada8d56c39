package link

import (
	"time"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// signOfLife is how long a connection says nothing at most. The controller
// shows when it last heard of this host, and the pings of HTTP/2, which are
// answered below it, do not tell it.
const signOfLife = 15 * time.Second

// voice knows when something has to be said although there is nothing to say.
type voice struct {
	every time.Duration
	now   func() time.Time
	spoke time.Time
}

// orSign gives m, or an empty message where it is time for a sign of life.
func (v *voice) orSign(m *fleetv1.ReportRequest) *fleetv1.ReportRequest {
	now := v.now()
	if m == nil && now.Before(v.due()) {
		return nil
	}
	v.spoke = now
	if m == nil {
		m = &fleetv1.ReportRequest{}
	}
	return m
}

func (v *voice) due() time.Time { return v.spoke.Add(v.every) }

// orDue gives when to wake up: at until, unless that is zero or too late.
func (v *voice) orDue(until time.Time) time.Time {
	if due := v.due(); until.IsZero() || due.Before(until) {
		return due
	}
	return until
}
