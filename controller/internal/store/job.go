package store

import (
	"fmt"
	"time"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// Job gives the job with this id.
func (tx *Tx) Job(id int64) (job.Job, bool, error) {
	if j, ok := tx.s.working.active.byID[id]; ok {
		return *j, true, nil
	}
	b, ok, err := tx.get(idKey(jobPrefix, id))
	if err != nil || !ok {
		return job.Job{}, false, err
	}
	j, err := decodeJob(b)
	return j, err == nil, err
}

// JobByKey gives the id of the job with this key.
func (tx *Tx) JobByKey(key job.Key) (id int64, ok bool, err error) {
	b, ok, err := tx.get(guardKey(key))
	if err != nil || !ok {
		return 0, false, err
	}
	return decodeNumber(b), true, nil
}

// PutJob stores a job, new or changed. Its key, agent and creation time are
// what they were.
func (tx *Tx) PutJob(j job.Job) error {
	old, had, err := tx.Job(j.ID)
	if err != nil {
		return err
	}
	if err := checkJob(j, old, had); err != nil {
		return err
	}
	if !had {
		if err := tx.newJob(j); err != nil {
			return err
		}
	}
	b, err := encodeJob(j)
	if err != nil {
		return err
	}
	if err := tx.set(idKey(jobPrefix, j.ID), b); err != nil {
		return err
	}
	row := history.RowOf(j)
	if err := tx.set(idKey(rowPrefix, j.ID), history.AppendRow(nil, row)); err != nil {
		return err
	}
	if had && old.Status.Final() {
		tx.g.forget = append(tx.g.forget, outdated{id: j.ID})
	}
	tx.change(setJob(&j))
	tx.index(func(ix *history.Index) { ix.Put(row) })
	tx.changed(ChangedJob(j))
	return nil
}

// newJob puts the guard under the job's key, so that no second job gets it.
func (tx *Tx) newJob(j job.Job) error {
	if id, taken, err := tx.JobByKey(j.Key); err != nil {
		return err
	} else if taken {
		return fmt.Errorf("job %d: %w: job %d", j.ID, ErrKeyTaken, id)
	}
	if err := tx.past(j.ID); err != nil {
		return err
	}
	if IsStep(j) {
		if err := tx.set(stepKey(j.Spec.Parent, j.Spec.Kind, j.Agent), number(uint64(j.ID))); err != nil {
			return err
		}
	}
	return tx.set(guardKey(j.Key), number(uint64(j.ID)))
}

// IsStep says whether a job is one of those that follow a backup.
func IsStep(j job.Job) bool { return !j.Spec.Parent.IsZero() && j.Spec.Kind.Maintains() }

// StepsOf gives the jobs of these agents that followed a backup, also one that is
// not known here (any more, or yet): in the order of the steps, and of the agents.
func (tx *Tx) StepsOf(parent job.Key, agents ...string) (steps []job.Job, err error) {
	for _, kind := range []job.Kind{job.Prune, job.Compact, job.Check} {
		for _, agent := range agents {
			j, ok, err := tx.stepAt(stepKey(parent, kind, agent))
			if err != nil {
				return nil, err
			}
			if ok {
				steps = append(steps, j)
			}
		}
	}
	return steps, nil
}

func (tx *Tx) stepAt(key []byte) (job.Job, bool, error) {
	b, ok, err := tx.get(key)
	if err != nil || !ok {
		return job.Job{}, false, err
	}
	return tx.Job(decodeNumber(b))
}

func (tx *Tx) index(fn func(*history.Index)) { tx.g.index = append(tx.g.index, fn) }

func checkJob(j, old job.Job, had bool) error {
	switch {
	case j.ID <= 0 || j.Key.IsZero() || j.Agent == "" || j.Spec.CreatedAt.IsZero():
		return fmt.Errorf("job %d has no id, key, agent or creation time", j.ID)
	case had && (j.Key != old.Key || j.Agent != old.Agent || !j.Spec.CreatedAt.Equal(old.Spec.CreatedAt)):
		return fmt.Errorf("job %d: its key, agent or creation time is another one", j.ID)
	case j.Status.Final() != (j.Verdict != nil):
		return fmt.Errorf("job %d: status %q does not go with its verdict", j.ID, j.Status)
	}
	// What does not decode must never be written: the store would not open.
	if _, err := history.DecodeRow(history.AppendRow(nil, history.RowOf(j))); err != nil {
		return fmt.Errorf("job %d: %w", j.ID, err)
	}
	return nil
}

// SetLive makes j what is known of a job that has not ended, in memory only:
// progress, which a restart may forget. What else changes must be stored.
func (tx *Tx) SetLive(j job.Job) {
	old, ok := tx.s.working.active.byID[j.ID]
	if !ok || j.Status.Final() {
		tx.keep(fmt.Errorf("live state of job %d, which has ended", j.ID))
		return
	}
	if err := checkJob(j, *old, true); err != nil {
		tx.keep(err)
		return
	}
	tx.change(setJob(&j))
	live := ChangedJob(j)
	live.Live = true
	tx.changed(live)
	if j.Status != old.Status {
		row := history.RowOf(j)
		tx.index(func(ix *history.Index) { ix.Put(row) })
	}
}

// jobBytes is about what a job takes beside its log.
const jobBytes = 1 << 10

// ExpireJob removes a job that has ended, and whose log is gone, and counts it
// among those that are gone. See Expire.
func (tx *Tx) ExpireJob(id int64) error {
	j, ok, err := tx.Job(id)
	if err != nil || !ok {
		return err
	}
	if !j.Status.Final() {
		return fmt.Errorf("remove job %d: %w", id, ErrActive)
	}
	if tx.HasLog(j) {
		return errHasLog(id)
	}
	row := history.RowOf(j)
	if err := firstError(tx.fold(row), tx.deleteJob(j), tx.countRemoved(jobBytes), tx.expired(j)); err != nil {
		return err
	}
	tx.g.forget = append(tx.g.forget, outdated{id, j.Key})
	tx.index(func(ix *history.Index) { ix.Delete(row.Position()) })
	tx.changed(ChangedJob(j))
	return nil
}

func (tx *Tx) deleteJob(j job.Job) error {
	keys := [][]byte{idKey(jobPrefix, j.ID), idKey(rowPrefix, j.ID), guardKey(j.Key)}
	if IsStep(j) {
		keys = append(keys, stepKey(j.Spec.Parent, j.Spec.Kind, j.Agent))
	}
	for _, key := range keys {
		if err := tx.del(key); err != nil {
			return err
		}
	}
	return nil
}

// expired notes how new a job was that is gone.
func (tx *Tx) expired(j job.Job) error {
	at := j.Verdict.EndedAt
	if made := j.Spec.CreatedAt; made.After(at) {
		at = made // by a clock that was set back
	}
	if !at.After(tx.s.working.gone.newest) {
		return nil
	}
	return tx.setGone(expiredKey, number(uint64(at.UnixNano())), func(g *gone) { g.newest = at.UTC() })
}

// Active gives the agent's jobs that have not ended, in the order of their turn.
func (tx *Tx) Active(agentID string) []job.Job {
	return tx.s.working.active.byAgent[agentID].values()
}

// ActiveCount is how many Active gives.
func (tx *Tx) ActiveCount(agentID string) int { return len(tx.s.working.active.byAgent[agentID]) }

// ActiveJobs gives all jobs that have not ended, in the order of their turn.
func (tx *Tx) ActiveJobs() []job.Job { return tx.s.working.active.all() }

// AtLocation gives the jobs of any agent that have not ended and share one of
// these locations, in the order of their turn. See Locations.
func (tx *Tx) AtLocation(locations ...string) []job.Job {
	return tx.s.working.active.at(locations)
}

// JobExpired says whether a job that has ended, and which is not known, was known
// here under its id and is gone since. No job that ended later than the newest of
// those is gone: such a one was lost, with a store that had to be restored.
func (tx *Tx) JobExpired(id int64, ended time.Time) (bool, error) {
	if id <= 0 || id >= tx.s.next.job || ended.After(tx.s.working.gone.newest) {
		return false, nil
	}
	_, known, err := tx.Job(id)
	return !known, err
}
