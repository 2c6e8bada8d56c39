package schedule

import (
	"time"

	"borgfleet/shared/job"
)

// RetryAt is when a backup that failed is tried again; false: it is not. attempt
// is the one that failed, from 0.
func (s Schedule) RetryAt(v job.Verdict, attempt int) (time.Time, bool) {
	if v.Status != job.Failed || attempt >= s.Retries || !mayGoWell(v.ErrorCode) {
		return time.Time{}, false
	}
	delay := s.RetryDelay
	for range attempt {
		delay = min(2*delay, MostRetryDelay)
	}
	return v.EndedAt.Add(delay), true
}

// mayGoWell: what the host's owner does not allow, and what was decided, is the
// same in five minutes.
func mayGoWell(code string) bool {
	switch code {
	case job.CodePolicy, job.CodeUnsupported, job.CodeMachineChanged, job.CodeCancelled, job.CodeMaintainedElse:
		return false
	}
	return true
}
