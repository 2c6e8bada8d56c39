package job

import "fmt"

// Status is what REST shows. There are these six and no others; they are the
// documented API's.
type Status string

const (
	Pending               Status = "pending"
	Running               Status = "running"
	Completed             Status = "completed"
	CompletedWithWarnings Status = "completed_with_warnings"
	Failed                Status = "failed"
	Cancelled             Status = "cancelled"
)

// Statuses lists every status in the order of a job's life.
func Statuses() []Status {
	return []Status{Pending, Running, Completed, CompletedWithWarnings, Failed, Cancelled}
}

// ParseStatus rejects anything that is not one of Statuses.
func ParseStatus(s string) (Status, error) {
	for _, st := range Statuses() {
		if string(st) == s {
			return st, nil
		}
	}
	return "", fmt.Errorf("unknown status %q", s)
}

// Final says whether a job with this status has ended.
func (s Status) Final() bool {
	return s != Pending && s != Running
}

// Good says whether a backup with this status left an archive to rely on.
func (s Status) Good() bool {
	return s == Completed || s == CompletedWithWarnings
}
