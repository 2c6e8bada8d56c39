package jobdir

import (
	"fmt"
	"math"
	"time"

	"borgfleet/shared/job"
)

// openJournal finds the end of the journal. acked is the first number that the
// controller does not hold: it may know more than this disk, if the disk was
// damaged or put back.
func openJournal(s store, acked uint64, limits Limits, now func() time.Time) (*Journal, error) {
	j := &Journal{
		store: s, limits: limits.orDefault(), now: now, next: 1,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	published, err := readSynced(s)
	if err != nil {
		return nil, err
	}
	if err := j.findEnd(published); err != nil {
		return nil, err
	}
	if j.mark, err = s.open(fileSynced); err != nil {
		return nil, err
	}
	if err := j.forgetAgain(); err != nil {
		return nil, err
	}
	j.synced = min(published, j.next)
	// The process that wrote it may have died right after a sync of it failed.
	j.doubtful = j.next > published
	j.skipTo(max(published, acked))
	j.poke() // what was found is not known to be durable
	return j, nil
}

// findEnd leaves the journal behind its last record that counts. Nothing below
// published is ever cut off.
func (j *Journal) findEnd(published uint64) error {
	firsts, err := segments(j.store)
	if err != nil {
		return err
	}
	for i, first := range firsts {
		b, err := j.store.read(segmentName(first))
		if err != nil {
			return err
		}
		last, until := i == len(firsts)-1, uint64(math.MaxUint64)
		if !last {
			until = firsts[i+1]
		}
		end := scanSegment(b, first, until)
		if until <= published {
			j.total += int64(len(b))
			j.consumed = max(j.consumed, end.consumed)
			continue
		}
		j.next, j.consumed = end.next, max(j.consumed, end.consumed)
		damaged := end.size < int64(len(b)) && end.next < published
		if damaged && last {
			// Nothing is cut off; the journal goes on in a new segment.
			j.total += int64(len(b))
			return nil
		}
		if end.next == until {
			if err := j.adopt(first, end.size); err != nil {
				return err
			}
			continue
		}
		if damaged {
			continue
		}
		// The end, and later segments, if a power cut kept them, have a hole
		// before them. Nobody was told of them: their numbers are free.
		if err := j.drop(firsts[i+1:]); err != nil {
			return err
		}
		return j.adopt(first, end.size)
	}
	return nil
}

// adopt makes an existing segment the current one.
func (j *Journal) adopt(first uint64, size int64) error {
	s, err := j.store.open(segmentName(first))
	if err != nil {
		return err
	}
	if j.cur != nil {
		j.unsynced = append(j.unsynced, j.cur)
	}
	j.cur, j.first, j.size, j.torn = s, first, size, true
	j.total += size
	return j.heal()
}

func (j *Journal) drop(firsts []uint64) error {
	for _, first := range firsts {
		if err := j.store.remove(segmentName(first)); err != nil {
			return err
		}
	}
	if len(firsts) == 0 {
		return nil
	}
	return j.store.syncDir()
}

// skipTo makes sure that no number below to is used again. What a reader asks for
// of the hole is told as missing, number by number; a record that counted all of
// it would count it twice.
func (j *Journal) skipTo(to uint64) {
	if to <= j.next {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cur != nil { // a segment has no holes: behind one, a new one begins
		j.unsynced = append(j.unsynced, j.cur)
		j.cur = nil
	}
	// Below it all is published, or on the controller.
	j.next, j.synced, j.doubtful = to, to, false
}

// lostRecord stands for a number that is on no disk any more. A reader gives one
// for every such number below the end of what was synced: the controller refuses
// holes, and a log that could not be told to its end would never be complete.
func lostRecord(number, consumed uint64) job.Record {
	return job.Record{
		Number: number, Level: job.LevelWarning, Source: "agent", Consumed: consumed,
		Text: gapText(1, reasonLost), Gap: &job.Gap{Count: 1, Reason: reasonLost},
	}
}

func gapText(count uint64, reason string) string {
	if count == 1 {
		return "1 line left out: " + reason
	}
	return fmt.Sprintf("%d lines left out: %s", count, reason)
}
