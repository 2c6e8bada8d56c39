package store

import (
	"fmt"
	"iter"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"borgfleet/shared/job"
)

// Log gives up to limit records of a job's log, beginning with the first whose
// number is not below from.
func (s *Store) Log(id int64, from uint64, limit int) ([]job.Record, error) {
	var recs []job.Record
	for r, err := range s.LogFrom(id, from) {
		if err != nil {
			return nil, err
		}
		if len(recs) == limit {
			break
		}
		recs = append(recs, r)
	}
	return recs, nil
}

// LogFrom goes through a job's log, beginning with the first record whose
// number is not below from, up to what is stored when it gets there. It holds
// one chunk at a time and, between chunks, nothing of the store: a slow reader
// costs nobody anything.
func (s *Store) LogFrom(id int64, from uint64) iter.Seq2[job.Record, error] {
	return func(yield func(job.Record, error) bool) {
		for {
			recs, err := s.readChunk(id, from)
			if err != nil {
				yield(job.Record{}, fmt.Errorf("read the log of job %d: %w", id, err))
				return
			}
			if len(recs) == 0 {
				return
			}
			for _, r := range recs {
				if !yield(r, nil) {
					return
				}
			}
			from = recs[len(recs)-1].Number + 1
		}
	}
}

// readChunk gives the records from the number at on that lie in one chunk: the
// one that has it, else the next. None: the log ends before.
func (s *Store) readChunk(id int64, at uint64) ([]job.Record, error) {
	var b []byte
	err := s.db.View(func(txn *badger.Txn) (err error) {
		b, err = findChunk(txn, id, at)
		return err
	})
	if err != nil || b == nil {
		return nil, err
	}
	recs, err := s.codec.unpack(b)
	if err != nil {
		return nil, err
	}
	i, _ := slices.BinarySearchFunc(recs, at, func(r job.Record, at uint64) int {
		if r.Number < at {
			return -1
		}
		return 1
	})
	return recs[i:], nil
}

func findChunk(txn *badger.Txn, id int64, at uint64) ([]byte, error) {
	if b, ok, err := get(txn, logKey(id, at)); ok || err != nil {
		return b, err // who reads on from a chunk's end begins with a chunk
	}
	if b, err := seekChunk(txn, id, at, true); err != nil {
		return nil, err
	} else if b != nil {
		ch, err := parseChunk(b)
		if err != nil {
			return nil, err
		}
		if ch.last >= at {
			return b, nil
		}
	}
	return seekChunk(txn, id, at, false)
}

func seekChunk(txn *badger.Txn, id int64, at uint64, reverse bool) ([]byte, error) {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: idKey(logPrefix, id), Reverse: reverse})
	defer it.Close()
	it.Seek(logKey(id, at))
	if !it.Valid() {
		return nil, nil
	}
	b, err := it.Item().ValueCopy(nil)
	if err != nil {
		return nil, fmt.Errorf("read chunk: %w", err)
	}
	return b, nil
}
