package retention

import (
	"context"
	"slices"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// sweepJobs removes jobs that are old, and of those that are too many the oldest.
func (k *Keeper) sweepJobs(ctx context.Context) error {
	if k.Policy.History > 0 {
		if err := k.sweepJobsOf(ctx, k.before(k.Policy.History), func() bool { return true }); err != nil {
			return err
		}
	}
	return k.sweepJobsOf(ctx, k.before(LeastJobAge), func() bool { return k.tooManyJobs() > 0 })
}

// sweepJobsOf removes jobs that had ended before a moment, the oldest first, as long as
// going says so.
func (k *Keeper) sweepJobsOf(ctx context.Context, ended time.Time, going func() bool) error {
	if !going() {
		return nil
	}
	e := &expiry{k: k, ended: ended, newest: k.Store.Newest(ended), left: map[int64]time.Time{}}
	var ids []int64
	sweep := func() error {
		for batch := range slices.Chunk(ids, atOnce) {
			if !going() {
				return nil
			}
			if err := e.remove(ctx, batch); err != nil {
				return err
			}
		}
		ids = ids[:0]
		return nil
	}
	for o := range k.Store.Oldest(ended) { // as it was when this began: what goes meanwhile does not matter
		if !jobOver(o, ended) || e.newest[o.ID] && k.registered(o.Repository) {
			if o.Sized {
				e.leave(o.Repository, o.CreatedAt)
			}
			continue
		}
		if ids = append(ids, o.ID); len(ids) < atATime {
			continue
		}
		if err := sweep(); err != nil || !going() {
			return err
		}
	}
	return sweep()
}

// registered: of a repository that was deleted nothing has to stay.
func (k *Keeper) registered(repository int64) bool {
	_, is := k.Store.Repository(repository)
	return is
}

// expiry removes jobs. What stays, however old it is, is all that the rest of the
// controller goes by.
type expiry struct {
	k      *Keeper
	ended  time.Time      // only what had ended by then goes
	newest map[int64]bool // of their kind, for their repository

	left map[int64]time.Time // by repository: when the oldest backup was made that stays
	logs []int64             // in the way: they have to be removed first
	gone int64               // jobs removed by the update that is being made
}

// remove removes those of the jobs that need not stay.
func (e *expiry) remove(ctx context.Context, ids []int64) error {
	e.logs = nil
	if err := e.expire(ctx, ids); err != nil || len(e.logs) == 0 {
		return err
	}
	if err := e.k.removeLogs(ctx, e.logs, func() bool { return true }); err != nil {
		return err
	}
	return e.expire(ctx, ids) // one whose log is still in the way waits for the next sweep
}

func (e *expiry) expire(ctx context.Context, ids []int64) error {
	for rest := ids; len(rest) > 0; {
		inWay := e.logs
		err := e.k.paced(ctx, func() error {
			return e.k.Store.Expire(ctx, func(tx *store.Tx) error {
				tx.Urgent()
				e.gone, e.logs = 0, inWay
				for rest = ids; len(rest) > 0 && !tx.Full(); rest = rest[1:] {
					if err := e.expireOne(tx, rest[0]); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		e.k.note(func(s *Sweep) { s.Jobs += e.gone })
		ids = rest
	}
	return nil
}

// expireOne removes a job, and with a backup the steps that followed it: they tell
// of each other.
func (e *expiry) expireOne(tx *store.Tx, id int64) error {
	j, ok, err := tx.Job(id)
	if err != nil || !ok {
		return err
	}
	if follows, err := followsOne(tx, j); err != nil || follows {
		return err
	}
	all, err := tx.StepsOf(j.Key, j.Agent, j.Spec.Repository.Maintainer)
	if err != nil {
		return err
	}
	all = append(all, j)
	for _, one := range all {
		if e.stays(tx, one) {
			if j.Spec.Kind == job.Backup {
				e.leave(j.Spec.Repository.ID, j.Spec.CreatedAt)
			}
			return nil
		}
	}
	if logs := withLogs(tx, all); len(logs) > 0 {
		e.logs = append(e.logs, logs...)
		return nil
	}
	for _, one := range all {
		if err := tx.ExpireJob(one.ID); err != nil {
			return err
		}
		e.gone++
	}
	return e.compareFrom(tx, j)
}

// followsOne: a step goes with its backup.
func followsOne(tx *store.Tx, j job.Job) (bool, error) {
	if j.Spec.Parent.IsZero() {
		return false, nil
	}
	_, there, err := tx.JobByKey(j.Spec.Parent)
	return there, err
}

func withLogs(tx *store.Tx, jobs []job.Job) (ids []int64) {
	for _, j := range jobs {
		if tx.HasLog(j) {
			ids = append(ids, j.ID)
		}
	}
	return ids
}

// stays says whether something still goes by a job.
func (e *expiry) stays(tx *store.Tx, j job.Job) bool {
	if !jobOver(oldOf(j), e.ended) || mayBeReplaced(tx, j) || tx.ListWaits(j.ID) {
		return true
	}
	if _, registered := tx.Repository(j.Spec.Repository.ID); !registered {
		return false
	}
	head, _ := tx.Catalogue(j.Spec.Repository.ID)
	return e.newest[j.ID] || head.Job == j.ID // what the catalogue is compared with
}

// mayBeReplaced: a job was given up that its agent may still have, and nothing was
// heard of that agent since. What it says will count.
func mayBeReplaced(tx *store.Tx, j job.Job) bool {
	if !j.Ours || !j.Sent && !j.OnAgent() {
		return false
	}
	a, ok := tx.Agent(j.Agent)
	return ok && !a.Revoked && a.LastContactAt.Before(j.Verdict.EndedAt)
}
