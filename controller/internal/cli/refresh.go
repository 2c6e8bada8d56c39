package cli

import (
	"fmt"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// refreshError says why what was shown is not what a refresh was to find: an
// old list must not pass for a new one.
func refreshError(list rest.ArchiveList) error {
	r := list.Refresh
	if r == nil || r.Done {
		return nil
	}
	return fmt.Errorf("this is what was known before, as of %s: %s", term.Time(at(list.AsOf)), whyNot(*r))
}

func whyNot(r rest.Refresh) string {
	switch status := job.Status(r.Status); {
	case status.Good():
		return fmt.Sprintf("job %d has listed the archives, and its list is not taken in yet; ask again in a moment", r.JobID)
	case status.Final():
		return fmt.Sprintf("listing the archives anew %s (job %d)%s", r.Status, r.JobID, after(": ", r.ErrorMessage))
	case !r.AgentOnline:
		return fmt.Sprintf("job %d is to list them anew, and its agent is offline", r.JobID)
	case r.WaitingFor != nil:
		return fmt.Sprintf("job %d is to list them anew, and waits: %s", r.JobID, *r.WaitingFor)
	}
	return fmt.Sprintf("job %d lists them anew, and has not ended; to see it: borgfleet-controller jobs follow %d", r.JobID, r.JobID)
}

func after(sep string, s *string) string {
	if s == nil {
		return ""
	}
	return sep + *s
}
