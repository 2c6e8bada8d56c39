package store

import (
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"borgfleet/shared/job"
)

const (
	// mergeChunks of one level that end a log are packed into one of the next.
	// A record is so written again once for each level, log8(32 KiB / batch):
	// three times in all for batches of a kilobyte. The log of a day that came
	// line by line is some hundred chunks, not ten thousands.
	mergeChunks = 8
	// tailsKept bounds the memory of tails; one that was dropped is read again.
	tailsKept = 16 << 10
)

// tail is a chunk at the end of a log that may be merged yet.
type tail struct {
	first, last uint64
	level       uint8
}

// AppendLog stores records at the end of a job's log. first is the number of
// the first one; all come after what is stored. The caller moves the job's
// LogNext; SetLive is enough for that, a start finds it again.
func (tx *Tx) AppendLog(id int64, first uint64, recs []job.Record) error {
	if len(recs) == 0 {
		return nil
	}
	tails, err := tx.tails(id)
	if err != nil {
		return err
	}
	next := uint64(1)
	if n := len(tails); n > 0 {
		next = tails[n-1].last + 1
	}
	if recs[0].Number != first || first < next || !slices.IsSortedFunc(recs, strictly) {
		return fmt.Errorf("append to the log of job %d at %d, next is %d: %w", id, first, next, ErrLogOrder)
	}
	tails = slices.Clone(tails)
	for len(recs) > 0 {
		if tails, recs, err = tx.appendChunk(id, tails, recs); err != nil {
			return err
		}
	}
	if tails, err = tx.mergeTails(id, tails); err != nil {
		return err
	}
	tx.setTails(id, tails)
	return nil
}

// setChunk stores a chunk in the place of others that had so many bytes.
func (tx *Tx) setChunk(key, packed []byte, before int64) error {
	if err := tx.countLog(int64(len(packed)) - before); err != nil {
		return err
	}
	return tx.set(key, packed)
}

// strictly calls two records of the same number out of order. It relies on
// being asked for (later, earlier), as IsSortedFunc does.
func strictly(later, earlier job.Record) int {
	if later.Number <= earlier.Number {
		return -1
	}
	return 1
}

// appendChunk writes one chunk and gives the records that did not go into it.
func (tx *Tx) appendChunk(id int64, tails []tail, recs []job.Record) ([]tail, []job.Record, error) {
	var raw []byte
	var d differ
	n := 0
	for n < len(recs) && len(raw) < splitBytes {
		raw = d.append(raw, recs[n])
		n++
	}
	t := tail{first: recs[0].Number, last: recs[n-1].Number}
	t.level = levelOf(0, len(raw))
	if err := tx.setChunk(logKey(id, t.first), tx.s.codec.pack(t.level, t.last, raw), 0); err != nil {
		return nil, nil, err
	}
	return append(tails, t), recs[n:], nil
}

func levelOf(level uint8, size int) uint8 {
	if size >= fullBytes {
		return fullLevel
	}
	return level
}

// mergeTails packs the last chunks together where there are enough of a level.
// It happens in the transaction that brought the last one, so a crash leaves
// the old chunks or the new one, and each record once.
func (tx *Tx) mergeTails(id int64, tails []tail) ([]tail, error) {
	for {
		run := lastRun(tails)
		if len(run) < mergeChunks {
			return tails, nil
		}
		merged, err := tx.merge(id, run)
		if err != nil {
			return nil, err
		}
		tails = append(tails[:len(tails)-len(run)], merged)
	}
}

// lastRun is the chunks of one level that end the log, if they can be merged.
func lastRun(tails []tail) []tail {
	n := len(tails)
	if n == 0 || tails[n-1].level == fullLevel {
		return nil
	}
	from := n
	for from > 0 && tails[from-1].level == tails[n-1].level {
		from--
	}
	return tails[from:]
}

func (tx *Tx) merge(id int64, run []tail) (tail, error) {
	var raw []byte
	var d differ
	var before int64
	for i, t := range run {
		key := logKey(id, t.first)
		b, ok, err := tx.get(key)
		if err != nil {
			return tail{}, err
		}
		if !ok {
			return tail{}, fmt.Errorf("log of job %d: chunk %d: %w", id, t.first, errChunk)
		}
		recs, err := tx.s.codec.unpack(b)
		if err != nil {
			return tail{}, fmt.Errorf("log of job %d: chunk %d: %w", id, t.first, err)
		}
		before += int64(len(b))
		for _, r := range recs {
			raw = d.append(raw, r)
		}
		if i == 0 {
			continue // its key is the merged chunk's
		}
		if err := tx.del(key); err != nil {
			return tail{}, err
		}
	}
	t := tail{first: run[0].first, last: run[len(run)-1].last}
	t.level = levelOf(run[0].level+1, len(raw))
	return t, tx.setChunk(logKey(id, t.first), tx.s.codec.pack(t.level, t.last, raw), before)
}

// tails gives the end of a log, from memory if it is there.
func (tx *Tx) tails(id int64) ([]tail, error) {
	if t, ok := tx.s.tails[id]; ok {
		return t, nil
	}
	return readTails(tx.g.disk(), id)
}

// readTails finds the chunks after the last full one, and that one.
func readTails(txn *badger.Txn, id int64) ([]tail, error) {
	prefix := idKey(logPrefix, id)
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix, Reverse: true})
	defer it.Close()
	var tails []tail
	for it.Seek(logKey(id, 1<<64-1)); it.Valid(); it.Next() {
		t, err := readTail(it.Item())
		if err != nil {
			return nil, fmt.Errorf("log of job %d: %w", id, err)
		}
		tails = append(tails, t)
		if t.level == fullLevel {
			break
		}
	}
	slices.Reverse(tails)
	return tails, nil
}

func readTail(item *badger.Item) (tail, error) {
	t := tail{first: firstOf(item.Key())}
	err := item.Value(func(b []byte) error {
		ch, err := parseChunk(b)
		t.level, t.last = ch.level, ch.last
		return err
	})
	return t, err
}

func (tx *Tx) setTails(id int64, tails []tail) {
	s := tx.s
	old, had := s.tails[id]
	s.tails[id] = afterFull(tails)
	tx.undo(func() {
		if had {
			s.tails[id] = old
		} else {
			delete(s.tails, id)
		}
	})
}

// afterFull drops what will never be merged, but for the last chunk: it says
// where the log ends.
func afterFull(tails []tail) []tail {
	for i, t := range slices.Backward(tails) {
		if t.level == fullLevel {
			return tails[i:]
		}
	}
	return tails
}

// trimTails bounds the memory, between two groups, when nothing can be undone.
func (s *Store) trimTails() {
	for id := range s.tails {
		if len(s.tails) <= tailsKept {
			return
		}
		delete(s.tails, id)
	}
}
