package wire

import (
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// fromHooks encodes nothing as nothing: most repositories have none.
func fromHooks(h job.Hooks) *fleetv1.Hooks {
	if len(h.Names()) == 0 {
		return nil
	}
	return &fleetv1.Hooks{
		Before: texts(h.Before), After: texts(h.After), OnFailure: texts(h.OnFailure),
		OnWarning: texts(h.OnWarning), Always: texts(h.Always),
	}
}

// toHooks checks nothing: the host's policy does, right before one is executed.
func toHooks(p *fleetv1.Hooks) job.Hooks {
	return job.Hooks{
		Before: p.GetBefore(), After: p.GetAfter(), OnFailure: p.GetOnFailure(),
		OnWarning: p.GetOnWarning(), Always: p.GetAlways(),
	}
}
