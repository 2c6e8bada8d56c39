package store

import (
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// gone is what there is of what is not there any more, and how much of what comes
// and goes there is.
type gone struct {
	logBytes int64         // of all logs, packed
	newest   time.Time     // when the newest job that was removed had ended; zero: none was
	removed  int64         // bytes, about, that were removed since the tables were last packed
	audit    auditPosition // of the newest entry of the audit log that was removed
}

// setGone changes that, in memory and under its key on the disk.
func (tx *Tx) setGone(key string, value []byte, set func(*gone)) error {
	tx.change(func(st *state) func(*state) {
		old := st.gone
		set(&st.gone)
		return func(st *state) { st.gone = old }
	})
	return tx.set([]byte(key), value)
}

// countLog notes by how much the logs have grown.
func (tx *Tx) countLog(bytes int64) error {
	now := tx.s.working.gone.logBytes + bytes
	return tx.setGone(logBytesKey, number(uint64(now)), func(g *gone) { g.logBytes = now })
}

// countRemoved notes what the disk could give back.
func (tx *Tx) countRemoved(bytes int64) error {
	now := tx.s.working.gone.removed + bytes
	return tx.setGone(removedKey, number(uint64(now)), func(g *gone) { g.removed = now })
}

// LogBytes is what all logs take, packed.
func (s *Store) LogBytes() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.gone.logBytes
}

func (s *Store) loadGone(txn *badger.Txn) error {
	g := gone{}
	newest, any, err := get(txn, []byte(expiredKey))
	if err != nil {
		return err
	}
	if any {
		g.newest = time.Unix(0, decodeNumber(newest)).UTC()
	}
	removed, _, err := get(txn, []byte(removedKey))
	if err != nil {
		return err
	}
	g.removed = decodeNumber(removed)
	audit, _, err := get(txn, []byte(auditRemovedKey))
	if err != nil {
		return err
	}
	g.audit = auditPositionOf(audit)
	if g.logBytes, err = loadLogBytes(txn); err != nil {
		return err
	}
	s.both(func(st *state) func(*state) { st.gone = g; return nil })
	return nil
}

// loadLogBytes counts the logs of a store that has not been counting: one start
// takes longer.
func loadLogBytes(txn *badger.Txn) (bytes int64, err error) {
	b, counted, err := get(txn, []byte(logBytesKey))
	if err != nil || counted {
		return decodeNumber(b), err
	}
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{logPrefix}})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		bytes += it.Item().ValueSize()
	}
	return bytes, nil
}

func (s *Store) loadLeaving(txn *badger.Txn) error {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{leavingPrefix}})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		id := decodeNumber(it.Item().Key()[1:])
		if id <= 0 {
			return fmt.Errorf("read what logs are being removed: %w", errEntry)
		}
		s.both(put(leavingOf, id, true))
	}
	return nil
}

func leavingOf(st *state) table[int64, bool] { return st.leaving }
