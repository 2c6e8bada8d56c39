package store

import (
	"fmt"
	"iter"
	"time"

	"github.com/dgraph-io/badger/v4"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// mostOldChunks is how much of a log is removed at once: 8 MiB of lines, and of
// nearly all logs everything.
const mostOldChunks = 256

// OldLog is the log of a job that has ended, or a part of it, as it was found for
// removal. It is looked for outside of the committer, which need not search then.
type OldLog struct {
	Job   int64
	next  uint64 // the job's LogNext: nothing has come since, if it is still that
	keys  [][]byte
	bytes int64
	more  bool // chunks, after these
}

// Oldest goes through the jobs that were made before a moment, the oldest first.
func (s *Store) Oldest(before time.Time) iter.Seq[history.Old] { return s.index.Oldest(before) }

// Newest gives the jobs made before a moment that are the newest of their kind for
// their repository, or for a schedule; see history.Index.
func (s *Store) Newest(before time.Time) map[int64]bool { return s.index.Newest(before) }

// Leaving gives the jobs whose logs are not removed whole yet.
func (s *Store) Leaving() []int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids := make([]int64, 0, len(s.published.leaving))
	for id := range s.published.leaving {
		ids = append(ids, id)
	}
	return ids
}

// OldLog finds the log of a job that has ended; false: there is no such job.
func (s *Store) OldLog(id int64) (l OldLog, ok bool, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		b, there, err := get(txn, idKey(jobPrefix, id))
		if err != nil || !there {
			return err
		}
		j, err := decodeJob(b)
		if err != nil || !j.Status.Final() {
			return err
		}
		l, ok = OldLog{Job: id, next: j.LogNext}, true
		if j.LogNext > 1 {
			l.find(txn)
		}
		return nil
	})
	return l, ok, err
}

// find stops at the first chunk that is not to be removed, or not at once: behind
// a log's end may be all that was removed before.
func (l *OldLog) find(txn *badger.Txn) {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: idKey(logPrefix, l.Job)})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if l.more = len(l.keys) == mostOldChunks; l.more {
			return
		}
		l.keys = append(l.keys, it.Item().KeyCopy(nil))
		l.bytes += it.Item().ValueSize()
	}
}

// RemoveLog removes a log, and says so with the job. Of one that is too long the
// rest is among Leaving until it is gone, too; nobody reads it any more. A log to
// which something was added since it was found is left for another time.
func (tx *Tx) RemoveLog(l OldLog) error {
	j, ok, err := tx.Job(l.Job)
	if err != nil || !ok || !j.Status.Final() || j.LogNext != l.next {
		return err
	}
	for _, key := range l.keys {
		if err := tx.del(key); err != nil {
			return err
		}
	}
	if len(l.keys) > 0 {
		tx.setTails(l.Job, []tail{})
		if err := firstError(tx.countLog(-l.bytes), tx.countRemoved(l.bytes)); err != nil {
			return err
		}
	}
	if err := tx.leaves(l); err != nil || j.LogGone {
		return err
	}
	j.LogGone = true
	return tx.PutJob(j)
}

func (tx *Tx) leaves(l OldLog) error {
	if !l.more {
		return removeRecord(tx, idKey(leavingPrefix, l.Job), leavingOf, l.Job)
	}
	tx.change(put(leavingOf, l.Job, true))
	return tx.set(idKey(leavingPrefix, l.Job), number(uint64(l.Job)))
}

// HasLog says whether lines of a job are stored, or parts of a log that is being
// removed.
func (tx *Tx) HasLog(j job.Job) bool {
	return j.LogNext > 1 && !j.LogGone || tx.s.working.leaving[j.ID] != nil
}

// Bytes is what the part that was found takes.
func (l OldLog) Bytes() int64 { return l.bytes }

// More says whether the log goes on behind the part that was found.
func (l OldLog) More() bool { return l.more }

// errHasLog keeps a log from losing its job.
func errHasLog(id int64) error { return fmt.Errorf("remove job %d: its log is still there", id) }
