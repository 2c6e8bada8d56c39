package store

import (
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/dgraph-io/badger/v4"
)

// Entry is one key of the store with its value.
type Entry struct {
	Key, Value []byte
	Expires    uint64 // Unix seconds; 0: never
}

// Entries gives the whole store as it is at one moment, in the order of the
// keys, while writing goes on. What is given is good until the next step. Close
// does not wait for a slow reader: its next step is an error.
//
// Badger's own backup reads with several transactions, each with a moment of
// its own, so it is not used.
func (s *Store) Entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if !s.readers.enter() {
			yield(Entry{}, errClosed())
			return
		}
		defer s.readers.leave()
		txn := s.db.NewTransaction(false)
		defer txn.Discard()
		it := txn.NewIterator(badger.IteratorOptions{}) // values lie beside the keys
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if s.readers.closing() {
				yield(Entry{}, errClosed())
				return
			}
			going := true
			err := it.Item().Value(func(v []byte) error {
				going = yield(Entry{Key: it.Item().Key(), Value: v, Expires: it.Item().ExpiresAt()}, nil)
				return nil
			})
			if err != nil {
				yield(Entry{}, fmt.Errorf("read the store: %w", err))
				return
			}
			if !going {
				return
			}
		}
	}
}

// readers are those who read for long: Badger must not be closed under them.
type readers struct {
	mu    sync.Mutex // guards ended, and the step from enter to wait
	ended bool
	wg    sync.WaitGroup
}

func (r *readers) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false
	}
	r.wg.Add(1)
	return true
}

func (r *readers) leave() { r.wg.Done() }

func (r *readers) closing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// end lets nobody in any more and waits until all have left.
func (r *readers) end() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.wg.Wait()
}

// errEntry marks what no store of ours can have written.
var errEntry = errors.New("it does not read")
