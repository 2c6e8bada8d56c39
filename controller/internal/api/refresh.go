package api

import (
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

// refreshOf says what came of looking again; null where nobody asked for it.
func refreshOf(r *fleet.Refresh) *rest.Refresh {
	if r == nil {
		return nil
	}
	out := &rest.Refresh{JobID: r.List.ID, Status: string(r.List.Status), Done: r.Done, AgentOnline: r.List.AgentOnline}
	if r.List.Status == job.Pending {
		out.WaitingFor = orNull(r.List.WaitingFor)
	}
	if v := r.List.Verdict; v != nil {
		out.ErrorMessage = orNull(v.ErrorMessage)
	}
	return out
}
