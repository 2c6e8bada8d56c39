package store

import (
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// Query gives up to limit jobs that f selects, newest first, from where the
// cursor points (empty: the newest). The next cursor is empty at the end. A
// cursor that is not of this filter gives history.ErrCursor.
func (s *Store) Query(f history.Filter, cursor string, limit int) (jobs []job.Job, next string, err error) {
	at, err := f.ParseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	for more := true; more && len(jobs) < limit; {
		var ids []int64
		ids, at, more = s.index.Query(f, at, limit-len(jobs))
		found, err := s.jobs(ids)
		if err != nil {
			return nil, "", err
		}
		jobs = slices.Grow(jobs, len(found))
		for _, j := range found {
			// Between the look at the index and the read a job may have gone on
			// to a status that was not asked for. All else of it is fixed.
			if f.Statuses == nil || slices.Contains(f.Statuses, j.Status) {
				jobs = append(jobs, *j)
			}
		}
		if more {
			next = f.Cursor(at)
		} else {
			next = ""
		}
	}
	return jobs, next, nil
}

// Count is how many jobs there are.
func (s *Store) Count() int { return s.index.Len() }

// IndexBytes is how much memory the index of the jobs takes.
func (s *Store) IndexBytes() int64 { return s.index.Bytes() }

// Span gives when the oldest and the newest job were made; zero: there is none.
func (s *Store) Span() (oldest, newest time.Time) { return s.index.Span() }

// RepositoriesWith gives those that have a job which f selects.
func (s *Store) RepositoriesWith(f history.Filter) map[int64]bool { return s.index.Repositories(f) }

// LastJobs gives a repository's newest backup and its newest good one.
func (s *Store) LastJobs(repository int64) history.Last { return s.index.Last(repository) }

// LastScheduled gives a repository's newest backup that a schedule stands behind.
func (s *Store) LastScheduled(schedule, repository int64) history.Mark {
	return s.index.LastScheduled(schedule, repository)
}

// Job gives the job with this id.
func (s *Store) Job(id int64) (job.Job, bool, error) {
	jobs, err := s.jobs([]int64{id})
	if err != nil || len(jobs) == 0 {
		return job.Job{}, false, err
	}
	return *jobs[0], true, nil
}

// JobByKey gives the id of the job with this key.
func (s *Store) JobByKey(key job.Key) (id int64, ok bool, err error) {
	if id, ok := s.cache.id(key); ok {
		return id, true, nil
	}
	gen := s.cache.generation()
	err = s.db.View(func(txn *badger.Txn) error {
		b, found, err := get(txn, guardKey(key))
		id, ok = decodeNumber(b), found
		return err
	})
	if ok && err == nil {
		s.cache.putID(gen, key, id)
	}
	return id, ok, err
}

// jobs gives the jobs with these ids, in their order, without those that are
// not there.
func (s *Store) jobs(ids []int64) ([]*job.Job, error) {
	found := make([]*job.Job, len(ids))
	missing := s.fromMemory(ids, found)
	if missing > 0 {
		if err := s.fromDisk(ids, found); err != nil {
			return nil, err
		}
	}
	n := 0
	for _, j := range found {
		if j != nil {
			found[n] = j
			n++
		}
	}
	return found[:n], nil
}

func (s *Store) fromMemory(ids []int64, found []*job.Job) (missing int) {
	s.mu.RLock()
	for i, id := range ids {
		found[i] = s.published.active.byID[id]
	}
	s.mu.RUnlock()
	for i, id := range ids {
		if found[i] == nil {
			found[i], _ = s.cache.get(id)
		}
		if found[i] == nil {
			missing++
		}
	}
	return missing
}

// fromDisk reads what memory had not. It comes after the look at the active
// jobs: one that ended in between is on the disk by then.
func (s *Store) fromDisk(ids []int64, found []*job.Job) error {
	gen := s.cache.generation()
	var missing []int // places in ids
	for i := range ids {
		if found[i] == nil {
			missing = append(missing, i)
		}
	}
	var read []*job.Job
	err := s.db.View(func(txn *badger.Txn) error {
		return eachRecord(txn, ids, missing, func(i int, b []byte) error {
			j, err := decodeJob(b)
			if err != nil {
				return err
			}
			found[i] = &j
			if j.Status.Final() {
				read = append(read, &j)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	s.cache.put(gen, read)
	return nil
}

// ActiveJobs gives all jobs that have not ended, in the order of their turn.
func (s *Store) ActiveJobs() []job.Job {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.active.all()
}

// Active gives the agent's jobs that have not ended, in the order of their turn.
func (s *Store) Active(agentID string) []job.Job {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.active.byAgent[agentID].values()
}

// ActiveCount says how many jobs of an agent run and how many wait.
func (s *Store) ActiveCount(agentID string) (running, waiting int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, j := range s.published.active.byAgent[agentID] {
		if j.Status == job.Running {
			running++
		} else {
			waiting++
		}
	}
	return running, waiting
}

// AtLocation gives the jobs of any agent that have not ended and share one of
// these locations, in the order of their turn.
func (s *Store) AtLocation(locations ...string) []job.Job {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.active.at(locations)
}
