package wire

import (
	"errors"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// GoingAway ends an agent's streams, or answers its Hello, and says when to come
// back, so that a fleet does not return in step. Agents retry it whatever why is.
func GoingAway(why error, back time.Duration) error {
	err := connect.NewError(connect.CodeUnavailable, why)
	// Without the detail it is an end like any other, and the agent's own
	// backoff decides.
	if detail, bad := connect.NewErrorDetail(&fleetv1.GoingAway{ComeBackAfter: durationpb.New(back)}); bad == nil {
		err.AddDetail(detail)
	}
	return err
}

// ComeBack is when a controller that stops wants an agent back, if it said so. It
// is obeyed up to most: a controller must not be able to send its agents away.
func ComeBack(err error, most time.Duration) (after time.Duration, told bool) {
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
