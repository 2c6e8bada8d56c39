package jobdir

import (
	"errors"
	"fmt"
	"io/fs"
)

// fileAgain is a segment that is being written again, aside.
const fileAgain = "again"

// copyBytes is how much of a journal is copied at a time.
const copyBytes = 256 << 10

// writeAgain puts the records of [from, to) on the disk in a segment of their
// own. The system takes what a failed fdatasync was to write for written: a second
// one has nothing to do and succeeds, with nothing on the disk. Until the power
// goes it can be read, and so be written somewhere else.
//
// The new segment begins at from; what an older one still has from there on is
// the same, and is not looked at when another segment begins there.
func (j *Journal) writeAgain(from, to uint64) error {
	if err := j.copyTo(fileAgain, from, to); err != nil {
		// On a disk without room the half of it must not be in the way.
		return errors.Join(err, j.forgetAgain())
	}
	firsts, err := segments(j.store)
	if err != nil {
		return err
	}
	if err := j.store.rename(fileAgain, segmentName(from)); err != nil {
		return err
	}
	for _, first := range firsts {
		if first <= from || first >= to {
			continue
		}
		if err := j.store.remove(segmentName(first)); err != nil {
			return err
		}
	}
	return j.store.syncDir()
}

// copyTo writes the records of [from, to) to a file of that name, and syncs it.
func (j *Journal) copyTo(name string, from, to uint64) error {
	s, err := j.store.open(name)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Truncate(0); err != nil {
		return err
	}
	r := &Reader{store: j.store}
	defer r.Close()
	var b []byte
	consumed := uint64(0)
	for from < to {
		recs, next, err := r.read(from, to, copyBytes)
		if err != nil {
			return err
		}
		b = b[:0]
		for _, rec := range recs {
			consumed = max(consumed, rec.Consumed)
			rec.Consumed = consumed // what stands for a record that is gone has none
			if b, err = appendRecord(b, rec); err != nil {
				return err
			}
		}
		if _, err := s.Write(b); err != nil {
			return fmt.Errorf("write journal again: %w", err)
		}
		from = next
	}
	return s.syncData()
}

// forgetAgain removes what a copy that failed, or was killed, has left.
func (j *Journal) forgetAgain() error {
	if err := j.store.remove(fileAgain); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
