package pinger

import (
	"slices"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

// retryUntil is by when the next attempt of a run that failed has been made, or is not
// made any more; zero: none follows. A service is told how a run has ended, not how
// each attempt of it did: an alarm that the schedule itself answers in five minutes
// teaches people to look away. If the host or its agent goes meanwhile, no call comes,
// and that is an alarm, too.
func retryUntil(spec job.Spec, one *fleetv1.Schedule, v job.Verdict) time.Time {
	s, err := wire.CheckedSchedule(one)
	if err != nil || !s.Enabled || spec.FireTime.IsZero() { // what a person has started is not tried again
		return time.Time{}
	}
	at, again := s.RetryAt(v, spec.Attempt)
	if !again {
		return time.Time{}
	}
	return at.Add(schedule.OnTime)
}

// overtaken says whether another backup tells more of how things stand: one that has
// ended later, or one that was made to try a failed one again. Told late, the older
// end would stand for the newer one.
func overtaken(dir *jobdir.Dir, v job.Verdict, all []*jobdir.Dir) bool {
	mine := dir.Spec()
	return slices.ContainsFunc(all, func(other *jobdir.Dir) bool {
		if other.Key() == dir.Key() {
			return false
		}
		spec := other.Spec()
		if !v.Status.Good() && !mine.FireTime.IsZero() && spec.FireTime.Equal(mine.FireTime) && spec.Attempt > mine.Attempt {
			return true
		}
		end, err := other.Verdict()
		return err == nil && end != nil && end.EndedAt.After(v.EndedAt)
	})
}
