package store

import (
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// forgetAtOnce is how many ended logins are looked at each time one is added:
// more than one, so that those which have expired do not gather in memory, and
// few, since everybody's updates wait meanwhile.
const forgetAtOnce = 32

// EndLogin remembers that a login was ended before its time. After expires the
// login is refused without that.
func (tx *Tx) EndLogin(id string, expires time.Time) error {
	now := tx.s.opt.Now()
	left := expires.Sub(now)
	if left <= 0 {
		return nil
	}
	tx.forgetEndedLogins(now)
	tx.change(put(endedLoginsOf, id, expires))
	// The value decides, by the injected clock; Badger's own expiry, by the
	// machine's, only clears up afterwards.
	return tx.setExpiring(nameKey(endedLoginPrefix, id), number(uint64(expires.UnixNano())), time.Now().Add(left+time.Hour))
}

// forgetEndedLogins drops some that have expired from memory. The disk clears
// up by itself.
func (tx *Tx) forgetEndedLogins(now time.Time) {
	looked := 0
	for id, at := range tx.s.working.endedLogins { // in no order: each has its turn
		if looked++; looked > forgetAtOnce {
			return
		}
		if !at.After(now) {
			tx.change(remove(endedLoginsOf, id))
		}
	}
}

// LoginEnded says whether a login was ended before its time.
func (s *Store) LoginEnded(id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ended := s.published.endedLogins.get(id)
	return ended
}

func (s *Store) loadEndedLogins(txn *badger.Txn) error {
	opt := badger.IteratorOptions{Prefix: []byte{endedLoginPrefix}}
	it := txn.NewIterator(opt)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		id := string(it.Item().Key()[1:])
		b, err := it.Item().ValueCopy(nil)
		if err != nil {
			return fmt.Errorf("read the store: %w", err)
		}
		if at := time.Unix(0, decodeNumber(b)).UTC(); at.After(s.opt.Now()) {
			s.both(put(endedLoginsOf, id, at))
		}
	}
	return nil
}

func endedLoginsOf(st *state) table[string, time.Time] { return st.endedLogins }
