package api

import (
	"fmt"

	"borgfleet/shared/job"
)

// LogPolicy says which finished jobs show their log. The lines of every job are
// kept, and of a job that has not ended they can always be read.
type LogPolicy string

const (
	LogsOfFailed   LogPolicy = "failed"   // failed and cancelled, as documented
	LogsOfWarnings LogPolicy = "warnings" // and completed with warnings
	LogsOfAll      LogPolicy = "all"
)

// ParseLogPolicy rejects anything that is not a LogPolicy.
func ParseLogPolicy(s string) (LogPolicy, error) {
	switch p := LogPolicy(s); p {
	case LogsOfFailed, LogsOfWarnings, LogsOfAll:
		return p, nil
	}
	return "", fmt.Errorf("unknown log policy %q: it is failed, warnings or all", s)
}

// Shows says whether the log of a job with this status can be read.
func (p LogPolicy) Shows(s job.Status) bool {
	switch s {
	case job.Completed:
		return p == LogsOfAll
	case job.CompletedWithWarnings:
		return p != LogsOfFailed
	}
	return true
}
