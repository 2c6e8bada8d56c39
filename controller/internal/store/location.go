package store

import "borgfleet/shared/job"

// Locations are the names of the place where a job's repository lies. Two jobs
// that share one may not run at the same time. While borg's own id of a
// repository is not known there is only the path.
func Locations(j job.Job) []string {
	r := j.Spec.Repository
	names := []string{job.Location(r.Path, j.Agent)}
	if r.BorgID != "" {
		names = append(names, "borg:"+r.BorgID)
	}
	return names
}
