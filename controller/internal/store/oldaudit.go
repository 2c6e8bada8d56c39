package store

import (
	"time"

	"github.com/dgraph-io/badger/v4"
)

// OldAudit is a run of entries at the beginning of the audit log.
type OldAudit struct {
	keys  [][]byte
	bytes int64
}

// Entries is how many there are.
func (o OldAudit) Entries() int { return len(o.keys) }

// OldAudit finds the oldest entries of the audit log that were written before a
// moment, limit of them at most. It begins behind those that were removed, which
// may lie there as tombstones yet.
func (s *Store) OldAudit(before time.Time, limit int) (o OldAudit, err error) {
	s.mu.RLock()
	from := s.published.gone.audit
	s.mu.RUnlock()
	until := nanos(before)
	err = s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{auditPrefix}})
		defer it.Close()
		if from == (auditPosition{}) {
			it.Rewind()
		} else {
			it.Seek(from.key())
		}
		for ; it.Valid() && len(o.keys) < limit; it.Next() {
			if auditPositionOf(it.Item().Key()).at >= until {
				break
			}
			o.keys = append(o.keys, it.Item().KeyCopy(nil))
			o.bytes += it.Item().EstimatedSize()
		}
		return nil
	})
	return o, err
}

// RemoveAudit removes entries of the audit log.
func (tx *Tx) RemoveAudit(o OldAudit) error {
	if len(o.keys) == 0 {
		return nil
	}
	for _, key := range o.keys {
		if err := tx.del(key); err != nil {
			return err
		}
	}
	last := o.keys[len(o.keys)-1]
	return firstError(
		tx.countRemoved(o.bytes),
		tx.setGone(auditRemovedKey, last, func(g *gone) { g.audit = auditPositionOf(last) }),
	)
}
