package store

import (
	"cmp"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// NewList is a list of a repository's archives that ended well and is not in
// the catalogue yet: its log may still come, and a long one is taken in with
// several updates. Stored with the verdict, it outlives a crash in between.
type NewList struct {
	Job        int64
	Repository int64
}

// PutNewList stores that a list waits to be taken in.
func (tx *Tx) PutNewList(l NewList) error {
	if err := tx.set(idKey(newListPrefix, l.Job), number(uint64(l.Repository))); err != nil {
		return err
	}
	tx.change(put(newListsOf, l.Job, l))
	return nil
}

// DeleteNewList says that a list waits no more.
func (tx *Tx) DeleteNewList(job int64) error {
	return removeRecord(tx, idKey(newListPrefix, job), newListsOf, job)
}

// ListWaits says whether a job is a list that waits.
func (tx *Tx) ListWaits(job int64) bool {
	_, waits := tx.s.working.newLists[job]
	return waits
}

// NewLists gives all lists that wait, by job.
func (tx *Tx) NewLists() []NewList { return sortedNewLists(&tx.s.working) }

// NewLists gives all lists that wait, by job.
func (s *Store) NewLists() []NewList {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sortedNewLists(&s.published)
}

func newListsOf(st *state) table[int64, NewList] { return st.newLists }

func sortedNewLists(st *state) []NewList {
	return st.newLists.sorted(func(a, b *NewList) int { return cmp.Compare(a.Job, b.Job) })
}

func (s *Store) loadNewLists(txn *badger.Txn) error {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{newListPrefix}})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		l := NewList{Job: decodeNumber(it.Item().Key()[1:])}
		err := it.Item().Value(func(b []byte) error {
			l.Repository = decodeNumber(b)
			return nil
		})
		if err != nil {
			return fmt.Errorf("read what lists are new: %w", err)
		}
		s.both(put(newListsOf, l.Job, l))
	}
	return nil
}
