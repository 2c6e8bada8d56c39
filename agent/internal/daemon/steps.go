package daemon

import (
	"fmt"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/memory"
	"borgfleet/shared/job"
)

// followUp makes the step that is to follow a job that has ended. It may be asked
// as often as one likes: a step's key is made of its backup's.
func (d *Daemon) followUp(dir *jobdir.Dir) {
	d.following.Lock()
	defer d.following.Unlock()
	if spec := dir.Spec(); spec.Kind.Maintains() {
		d.rememberCheck(dir)
		t, ok := d.get(spec.Parent)
		if !ok {
			return
		}
		dir = t.dir
	}
	if err := d.follow(dir); err != nil {
		d.log.Error("what should follow a backup cannot be made; trying again", "job", dir.Key(), "err", err)
	}
}

// followAgain makes what could not be made when it was time: a disk's trouble, and
// a host that has too many jobs, may pass long before the agent's next start.
func (d *Daemon) followAgain() {
	for _, dir := range d.Dirs() {
		if spec := dir.Spec(); spec.Kind == job.Backup && len(spec.After.Steps()) > 0 && dir.Ended() {
			d.followUp(dir)
		}
	}
}

// follow leaves the steps of a repository that another agent maintains to the
// controller, who alone can order them.
func (d *Daemon) follow(backup *jobdir.Dir) error {
	spec := backup.Spec()
	if spec.Kind != job.Backup || len(spec.After.Steps()) == 0 || spec.Repository.Maintainer != "" {
		return nil
	}
	v, err := backup.Verdict()
	if err != nil || v == nil || backup.Followed() {
		return err
	}
	steps, err := d.steps(backup)
	if err != nil {
		return err
	}
	kind, more := spec.After.NextStep(v.Status, steps)
	if more {
		return d.Fire(job.StepKey(backup.Key(), kind), d.stepSpec(backup.Key(), spec, kind))
	}
	for _, s := range steps {
		if !s.Status.Final() {
			return nil
		}
	}
	return backup.SetFollowed()
}

// steps are those that have been made.
func (d *Daemon) steps(backup *jobdir.Dir) (steps []job.Step, err error) {
	for _, kind := range backup.Spec().After.Steps() {
		t, there := d.get(job.StepKey(backup.Key(), kind))
		if !there {
			continue
		}
		s := job.Step{Kind: kind, Status: job.Running}
		v, err := t.dir.Verdict()
		if err != nil {
			return nil, err
		}
		if v != nil {
			s.Status = v.Status
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func (d *Daemon) stepSpec(parent job.Key, of job.Spec, kind job.Kind) job.Spec {
	now := d.o.Now().UTC()
	spec := job.Spec{
		Kind: kind, Repository: of.Repository, CreatedAt: now, StartDeadline: now.Add(job.DefaultStartDeadline),
		TriggeredBy: of.TriggeredBy, RequestedBy: fmt.Sprintf("%s: after the backup", of.RequestedBy),
		Parent: parent, ScheduleID: of.ScheduleID,
	}
	of.After.SetStep(&spec)
	return spec
}

// Checked is when a repository was last looked at by a check that found nothing.
type Checked struct{ At time.Time }

// rememberCheck counts from the backup that a check followed: a weekly check after
// a nightly backup must not come a day later each week.
func (d *Daemon) rememberCheck(dir *jobdir.Dir) {
	spec := dir.Spec()
	if spec.Kind != job.Check {
		return
	}
	v, err := dir.Verdict()
	if err != nil || v == nil || !v.Status.Good() {
		return
	}
	at := spec.CreatedAt
	if t, ok := d.get(spec.Parent); ok {
		at = t.dir.Spec().CreatedAt
	}
	of := memory.Of[Checked]{Dir: d.o.State.Checked()}
	if known, ok := of.Get(spec.Repository.ID); ok && !at.After(known.At) {
		return
	}
	if err := of.Put(spec.Repository.ID, Checked{at}); err != nil {
		d.log.Warn("when a check was made is not remembered; the next one may come earlier", "err", err)
	}
}
