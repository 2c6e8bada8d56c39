package main

import (
	"encoding/binary"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// addRun makes a backup and what followed it, or one of the rarer jobs.
func (f *filler) addRun(tx *store.Tx) error {
	at := f.moment()
	r := &f.repos[f.next()]
	switch p := f.rand.Float64(); {
	case p < 0.04:
		return f.addSingle(tx, r, at, job.List)
	case p < 0.05:
		return f.addSingle(tx, r, at, job.Check)
	case p < 0.054:
		return f.addSingle(tx, r, at, job.Restore)
	}
	return f.addBackup(tx, r, at)
}

// moment is when the next run is due. The last night is a whole one: nearly all
// repositories were backed up since yesterday, as in a fleet that is looked after.
func (f *filler) moment() time.Time {
	const day, jobsOfRun = 24 * time.Hour, 2
	night := min(jobsOfRun*len(f.repos), f.jobs/2)
	if left := f.jobs - f.made; left <= night {
		return f.until.Add(-time.Duration(float64(day) * float64(left) / float64(night)))
	}
	return f.until.Add(-f.span + time.Duration(float64(f.span-day)*float64(f.made)/float64(f.jobs-night)))
}

// next is the repository whose turn it is: in each round each has one, in another
// order.
func (f *filler) next() int {
	if len(f.turn) == 0 {
		f.turn = f.rand.Perm(len(f.repos))
	}
	i := f.turn[0]
	f.turn = f.turn[1:]
	return i
}

func (f *filler) addBackup(tx *store.Tx, r *repository, at time.Time) error {
	spec := f.spec(r, at, job.Backup)
	key := f.key(at)
	if r.schedule >= 0 && !f.chance(0.03) {
		def := f.defs[r.schedule]
		spec.TriggeredBy, spec.ScheduleID, spec.After = job.BySchedule, def.ID, def.After
		spec.CreatedAt = at.Truncate(15 * time.Minute)
		spec.FireTime, spec.RequestedBy = spec.CreatedAt, ""
		spec.StartDeadline = spec.CreatedAt.Add(job.DefaultStartDeadline)
		one := def
		one.Key = def.Key.For(r.ID)
		key = one.JobKey(r.ID, at, 0) // of the very moment: a repository may have two in a quarter of an hour
		if def.CheckEvery > 0 && !f.chance(1.0/7) {
			spec.After.Check = nil
		}
	}
	backup := job.New(tx.NewJobID(), key, r.Agent, spec)
	if left := f.jobs - f.made; left <= f.active {
		f.made++
		return tx.PutJob(f.unfinished(backup, r))
	}
	f.finish(&backup, r, f.outcome(job.Backup))
	steps := f.follow(tx, r, &backup)
	for _, j := range append(steps, backup) {
		if err := f.put(tx, j); err != nil {
			return err
		}
	}
	return nil
}

// follow makes the jobs that followed a backup.
func (f *filler) follow(tx *store.Tx, r *repository, backup *job.Job) (steps []job.Job) {
	end := backup.Verdict.EndedAt
	for {
		kind, more := backup.Spec.After.NextStep(backup.Status, backup.Steps)
		if !more {
			return steps
		}
		spec := f.spec(r, end.Truncate(time.Second), kind)
		spec.Parent, spec.TriggeredBy, spec.ScheduleID, spec.RequestedBy = backup.Key, backup.Spec.TriggeredBy, backup.Spec.ScheduleID, ""
		switch kind {
		case job.Prune:
			spec.Prune = &job.PruneSpec{Keep: r.Retention}
		case job.Check:
			spec.Check = backup.Spec.After.Check
		}
		step := job.New(tx.NewJobID(), job.StepKey(backup.Key, kind), r.Agent, spec)
		f.finish(&step, r, f.outcome(kind))
		backup.Steps = append(backup.Steps, job.Step{Kind: kind, ID: step.ID, Status: step.Status})
		steps, end = append(steps, step), step.Verdict.EndedAt
	}
}

// addSingle makes a job that somebody asked for.
func (f *filler) addSingle(tx *store.Tx, r *repository, at time.Time, kind job.Kind) error {
	spec := f.spec(r, at, kind)
	switch kind {
	case job.Check:
		spec.Check = &job.CheckSpec{Depth: job.CheckArchives}
	case job.Restore:
		spec.Restore = &job.RestoreSpec{Archive: archiveName(r, at.AddDate(0, 0, -1)), Paths: []string{"home/user/documents"}, Destination: "/restored/" + f.key(at).Short()}
	}
	j := job.New(tx.NewJobID(), f.key(at), r.Agent, spec)
	f.finish(&j, r, f.outcome(kind))
	return f.put(tx, j)
}

func (f *filler) spec(r *repository, at time.Time, kind job.Kind) job.Spec {
	return job.Spec{
		Kind: kind, Repository: r.Repository.Repository, CreatedAt: at, StartDeadline: at.Add(job.DefaultStartDeadline),
		TriggeredBy: job.ByManual, RequestedBy: one(f, "admin", "carol", "deploy"),
	}
}

// key is one of a job that no schedule made. Those of job.NewKey are of this moment,
// and never the same.
func (f *filler) key(at time.Time) job.Key {
	b := binary.BigEndian.AppendUint64(nil, f.rand.Uint64())
	return job.DerivedKey(at, binary.BigEndian.AppendUint64(b, f.rand.Uint64()))
}

func (f *filler) put(tx *store.Tx, j job.Job) error {
	f.made++
	if f.jobs-f.made < f.logs {
		lines := f.lines(j)
		if err := tx.AppendLog(j.ID, 1, lines); err != nil {
			return err
		}
	}
	return tx.PutJob(j)
}
