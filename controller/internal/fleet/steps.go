package fleet

import (
	"fmt"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// Steps that follow a backup are jobs of their own. Its host makes them; where
// another agent maintains the repository they are that one's, and only the
// controller can order them.

// tellBackup writes down with a backup how one of its steps stands.
func (s *Service) tellBackup(tx *store.Tx, step job.Job) error {
	if !store.IsStep(step) {
		return nil
	}
	backup, ok, err := s.backupOf(tx, step)
	if err != nil || !ok {
		return err
	}
	_, _, err = s.change(tx, backup, job.StepTold{Step: job.Step{Kind: step.Spec.Kind, ID: step.ID, Status: step.Status}})
	return err
}

// backupOf finds what a step follows. A host cannot make one to another's backup.
func (s *Service) backupOf(tx *store.Tx, step job.Job) (job.Job, bool, error) {
	id, ok, err := tx.JobByKey(step.Spec.Parent)
	if err != nil || !ok {
		return job.Job{}, false, err
	}
	backup, ok, err := tx.Job(id)
	if err != nil || !ok || backup.Spec.Kind != job.Backup {
		return job.Job{}, false, err
	}
	maker := backup.Agent
	if m := backup.Spec.Repository.Maintainer; m != "" {
		maker = m // the owner's word is what a maintainer is there to do without
	}
	return backup, !step.Announced || step.Agent == maker, nil
}

// tellOfSteps is for a backup that comes after its steps, as to a store that was
// restored. What its maintainer did counts more than that it was refused, which is
// with its host.
func (s *Service) tellOfSteps(tx *store.Tx, backup job.Job) error {
	steps, err := tx.StepsOf(backup.Key, backup.Agent, backup.Spec.Repository.Maintainer)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if err := s.tellBackup(tx, step); err != nil {
			return err
		}
	}
	return nil
}

// followUp orders the step that is to follow a job that has ended.
func (s *Service) followUp(tx *store.Tx, j job.Job) error {
	backup := j
	if store.IsStep(j) {
		var ok bool
		var err error
		if backup, ok, err = s.backupOf(tx, j); err != nil || !ok {
			return err
		}
	}
	if backup.Spec.Kind != job.Backup || backup.Spec.Repository.Maintainer == "" || backup.Verdict == nil {
		return nil
	}
	kind, more := backup.Spec.After.NextStep(backup.Status, backup.Steps)
	if !more {
		return nil
	}
	return s.orderStep(tx, backup, kind)
}

// orderStep makes a step the maintainer's. What cannot be ordered is a job too,
// one that has failed: a step that is left out without a word looks like one that
// went well.
func (s *Service) orderStep(tx *store.Tx, backup job.Job, kind job.Kind) error {
	// A refusal has a key of its own: the maintainer may have the job itself, from
	// before this store was restored, and bring it.
	key := job.StepKey(backup.Key, kind)
	refusal := job.StepKey(key, kind)
	if _, made, err := tx.JobByKey(refusal); err != nil || made {
		return err
	}
	squatted, made, err := s.stepUnder(tx, key, backup)
	if err != nil || made {
		return err
	}
	if squatted {
		key = refusal // its owner has made a job up under it; the maintainer does the step all the same
	}
	repo, ok := tx.Repository(backup.Spec.Repository.ID)
	if !ok {
		return nil // its registration is deleted
	}
	through, refused := s.stepThrough(repo, kind)
	if backup.Announced {
		refused = errUnexplained
	}
	if refused != nil {
		through = repo
	}
	spec := s.newSpec(kind, through, fmt.Sprintf("%s: after the backup, job %d", backup.Spec.RequestedBy, backup.ID))
	spec.TriggeredBy, spec.ScheduleID, spec.Parent = backup.Spec.TriggeredBy, backup.Spec.ScheduleID, backup.Key
	backup.Spec.After.SetStep(&spec)
	s.asMaintainer(&spec, repo)
	if refused == nil {
		_, err := s.create(tx, key, through.Agent, spec)
		if err == nil || fault.Of(err).Kind != fault.Conflict && fault.Of(err).Kind != fault.NotFound {
			return err
		}
		refused = err // its agent is revoked or gone
	}
	return s.createRefused(tx, refusal, repo.Agent, spec, refused)
}

// stepUnder says whether a step has been made under a key, or another job has it.
func (s *Service) stepUnder(tx *store.Tx, key job.Key, backup job.Job) (squatted, made bool, err error) {
	id, taken, err := tx.JobByKey(key)
	if err != nil || !taken {
		return false, false, err
	}
	j, ok, err := tx.Job(id)
	if err != nil || !ok {
		return false, true, err
	}
	_, own, err := s.backupOf(tx, j)
	made = err != nil || own && j.Spec.Parent == backup.Key
	return !made, made, err
}

func (s *Service) stepThrough(repo store.Repository, kind job.Kind) (store.Repository, error) {
	through, err := s.maintainedThrough(repo)
	if err != nil {
		return repo, err
	}
	switch kind {
	case job.Prune:
		err = refuseWide(repo)
	case job.Compact:
		err = s.refuseCompact(through)
	}
	return through, err
}

// createRefused makes a job that never starts.
func (s *Service) createRefused(tx *store.Tx, key job.Key, agent string, spec job.Spec, why error) error {
	j := job.New(tx.NewJobID(), key, agent, spec)
	if err := tx.PutJob(j); err != nil {
		return err
	}
	f := fault.Of(why)
	_, _, err := s.change(tx, j, job.Impossible{At: s.now().UTC(), Code: f.Code, Reason: f.Message})
	return err
}

// openStep is the step of a backup that has not ended.
func openStep(j job.Job) (int64, bool) {
	for _, step := range j.Steps {
		if !step.Status.Final() {
			return step.ID, true
		}
	}
	return 0, false
}

// maintenanceOf is how the steps of a backup stand; empty: there are none.
func (s *Service) maintenanceOf(a store.Agent, j job.Job) string {
	if j.Spec.Kind != job.Backup || j.Verdict == nil {
		return ""
	}
	return j.Spec.After.Maintenance(j.Status, j.Steps, s.stepLate(a, j))
}

// stepLate says whether a step should have been heard of long ago: its host is shut
// out, or has been in contact for a while, a day after the backup.
func (s *Service) stepLate(a store.Agent, backup job.Job) bool {
	now := s.now()
	if a.ID == "" || a.Revoked {
		return true
	}
	if se := s.session(backup.Agent); se != nil && now.Sub(se.began) < stepTold {
		return false // it may be about to tell
	}
	return now.Sub(backup.Verdict.EndedAt) > s.set.LostAfter
}

// stepTold is how long a host that has come back may take to tell of all its jobs.
const stepTold = 5 * time.Minute
