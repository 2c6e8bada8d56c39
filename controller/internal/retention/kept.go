package retention

import (
	"time"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// A job's age is counted from when its end was recorded here: a host whose clock is
// months behind would have the log of a fresh job removed, and one that was away for
// a month that of a job which nobody could see before. Where the host says later than
// that, its word counts, in case that it is our clock that was behind; but by a month
// at most, or a host whose clock is years ahead fills the disk. A job that was stored
// before ends were recorded goes by its host's word.
const believedAhead = LeastHistory

func keptFrom(ended, recorded time.Time) time.Time {
	if recorded.IsZero() {
		return ended
	}
	if most := recorded.Add(believedAhead); ended.After(most) {
		return most
	}
	return later(ended, recorded)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// logOver says whether the log of a job has been kept from before a moment.
func logOver(o history.Old, moment time.Time) bool {
	return !o.EndedAt.IsZero() && keptFrom(o.EndedAt, o.RecordedAt).Before(moment)
}

// jobOver says the same of the job itself. It stays until the time of its end has
// passed by both clocks: a host that still names a job which is gone is told to
// forget it by that time, see store.JobExpired, and one in the future would pass for
// each job that is lost with a store.
func jobOver(o history.Old, moment time.Time) bool {
	return logOver(o, moment) && o.EndedAt.Before(moment)
}

func oldOf(j job.Job) history.Old {
	o := history.Old{ID: j.ID, RecordedAt: j.RecordedAt}
	if j.Verdict != nil {
		o.EndedAt = j.Verdict.EndedAt
	}
	return o
}
