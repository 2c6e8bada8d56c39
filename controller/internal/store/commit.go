package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// limits keep a group within one Badger transaction.
type limits struct {
	updateBytes, groupBytes int64
	updateKeys, groupKeys   int
}

// limitsOf: a group that is not full yet and one more update together stay
// below three quarters of what Badger takes.
func limitsOf(db *badger.DB) limits {
	return limits{
		updateBytes: db.MaxBatchSize() / 2, groupBytes: db.MaxBatchSize() / 4,
		updateKeys: int(db.MaxBatchCount() / 2), groupKeys: int(db.MaxBatchCount() / 4),
	}
}

// commit puts a group on the disk. After an error nothing of it counts.
func (s *Store) commit(g *group) error {
	s.stats.updates.Add(uint64(len(g.requests)))
	if len(g.writes) == 0 {
		return nil
	}
	check := s.space.check
	if g.urgent {
		check = s.space.checkUrgent
	}
	if err := s.here(); err != nil {
		return err
	}
	if err := check(); err != nil {
		return err
	}
	s.stats.commits.Add(1)
	begun := time.Now()
	if err := s.write(g.writes); err != nil {
		return err
	}
	s.opt.Meter.Committed(len(g.requests), time.Since(begun))
	return nil
}

// writeBadger returns when the transaction is synced.
func (s *Store) writeBadger(writes map[string]write) error {
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	for k, w := range writes {
		var err error
		if w.deleted {
			err = txn.Delete([]byte(k))
		} else {
			e := badger.NewEntry([]byte(k), w.value)
			e.ExpiresAt = w.expires
			err = txn.SetEntry(e)
		}
		if err != nil {
			return fmt.Errorf("stage a write: %w", err) // nothing has been sent
		}
	}
	if err := txn.Commit(); err != nil {
		return s.fail(errFailed(s.dir.path, err))
	}
	return nil
}

// fail ends all writing. A commit that failed on the way to the disk may be
// there or not, and Badger shows parts of it to later readers; after a failed
// fsync the kernel drops what it could not write. Only reading the disk again
// tells, and that is what a start does.
func (s *Store) fail(err error) error {
	s.failOnce.Do(func() {
		s.opt.Logger.Error("the store failed and takes no more writes", "err", err)
		s.failed.Store(&err)
		close(s.failedCh)
	})
	return err
}

// Failed is closed when a write went wrong in a way that leaves the disk's
// state unknown. The controller should end and start again; Err says why.
func (s *Store) Failed() <-chan struct{} { return s.failedCh }

// Err is what closed Failed, or nil.
func (s *Store) Err() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Ready is nil while the store can be written.
func (s *Store) Ready() error {
	if err := s.Err(); err != nil {
		return err
	}
	if err := s.presence.check(); err != nil {
		return err
	}
	return s.space.check()
}

// publish shows everybody what is on the disk now.
func (s *Store) publish(g *group) {
	s.mu.Lock()
	for _, c := range g.changes {
		c(&s.published)
	}
	s.versions.raise(g.changed)
	s.mu.Unlock()
	for _, fn := range g.index {
		fn(s.index)
	}
	s.cache.forget(g.forget)
}

func get(txn *badger.Txn, key []byte) ([]byte, bool, error) {
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the store: %w", err)
	}
	b, err := item.ValueCopy(nil)
	if err != nil {
		return nil, false, fmt.Errorf("read the store: %w", err)
	}
	return b, true, nil
}
