package pinger

import (
	"cmp"
	"slices"
	"time"

	"borgfleet/agent/internal/jobdir"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

// retryUntil is by when the next attempt of a run that failed has been made, or is not
// made any more; zero: none follows. A service is told how a run has ended, not how
// each attempt of it did: an alarm that the schedule itself answers in five minutes
// teaches people to look away. If the host or its agent goes meanwhile, no call comes,
// and that is an alarm, too.
func retryUntil(st *pings, one *fleetv1.Schedule) time.Time {
	s, err := wire.CheckedSchedule(one)
	if err != nil || !s.Enabled || st.fire.IsZero() || st.end.Status.Good() { // what a person has started is not tried again
		return time.Time{}
	}
	v := *st.end
	v.EndedAt = st.endedAt
	at, again := s.RetryAt(v, st.attempt)
	if !again {
		return time.Time{}
	}
	return at.Add(schedule.OnTime)
}

// openEnds are the jobs that have ended and whose calls have not come to their end, the
// oldest end first.
func openEnds(all []*pings) (ends []*pings) {
	for _, st := range all {
		if st.end != nil && st.done != jobdir.PingedEnd {
			ends = append(ends, st)
		}
	}
	slices.SortStableFunc(ends, older)
	return ends
}

// older goes by when the ends were found, for the clock may have been set between two
// of them. Of those that were there before anybody looked it must tell: what then lies
// ahead of the clock was there before it was set back.
func older(a, b *pings) int {
	if c := cmp.Compare(a.found, b.found); c != 0 {
		return c
	}
	if a.ahead != b.ahead {
		if a.ahead {
			return -1
		}
		return 1
	}
	return a.end.EndedAt.Compare(b.end.EndedAt)
}

// overtaken are those of which another backup tells more of how things stand: one that
// has ended later, or one that was made to try a failed one again. Told late, the older
// end would stand for the newer one. Ends that were told before overtake none: what was
// older then was overtaken then. Nor is it known what an end that was found ahead of the
// clock is newer than.
func overtaken(all []*pings) (out []*pings) {
	ends := openEnds(all)
	if len(ends) == 0 {
		return nil
	}
	tried := map[int64]int{}
	for _, st := range all {
		at := st.fire.UnixNano()
		tried[at] = max(tried[at], st.attempt)
	}
	newest := ends[len(ends)-1]
	for _, st := range ends {
		retried := !st.end.Status.Good() && !st.fire.IsZero() && tried[st.fire.UnixNano()] > st.attempt
		later := newest.found > st.found || !st.ahead && older(newest, st) > 0
		if !st.calling && (retried || later) {
			out = append(out, st)
		}
	}
	return out
}

// anyRuns says whether the service waits for the end of one of them.
func anyRuns(all []*pings) bool {
	return slices.ContainsFunc(all, func(st *pings) bool { return st.begun && st.end == nil && st.done == jobdir.PingedStart })
}
