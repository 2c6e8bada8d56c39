package daemon

import (
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// Start makes a backup for a person on this host.
func (d *Daemon) Start(repo job.Repository, by string) (*jobdir.Dir, error) {
	return d.make(job.Spec{Kind: job.Backup, Repository: repo, RequestedBy: by})
}

// Restore makes a restore for a person on this host.
func (d *Daemon) Restore(repo job.Repository, what job.RestoreSpec, by string) (*jobdir.Dir, error) {
	return d.make(job.Spec{Kind: job.Restore, Repository: repo, Restore: &what, RequestedBy: by})
}

// Maintain makes a prune, compact, check or break-lock for a person on this host.
func (d *Daemon) Maintain(repo job.Repository, kind job.Kind, prune *job.PruneSpec, check *job.CheckSpec, by string) (*jobdir.Dir, error) {
	return d.make(job.Spec{Kind: kind, Repository: repo, Prune: prune, Check: check, RequestedBy: by})
}

// make makes a job that takes its place in the controller's queue like every
// other; see mayStart for when that is away.
func (d *Daemon) make(spec job.Spec) (*jobdir.Dir, error) {
	if d.Draining() {
		return nil, errDraining
	}
	key, err := job.NewKey()
	if err != nil {
		return nil, err
	}
	spec.CreatedAt, spec.TriggeredBy = d.o.Now().UTC(), job.ByAgent
	spec.StartDeadline = spec.CreatedAt.Add(job.DefaultStartDeadline)
	if spec.Kind == job.BreakLock {
		spec.StartDeadline = spec.CreatedAt.Add(job.BreakLockDeadline)
	}
	dir, err := jobdir.Create(d.o.State.Jobs(), key, spec, job.PhaseAnnounced)
	if err != nil {
		return nil, err
	}
	d.add(dir)
	return dir, nil
}
