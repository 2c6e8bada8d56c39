package jobdir

import (
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// Line is a record to be journalled; its number is given by the journal.
type Line struct {
	job.Record
	Expendable bool // a file list or debug line: the first to go when space is short
}

// Journal writes one job's log. Append never waits for the disk and never
// fails: what cannot be written is counted, and the count becomes a gap record
// when there is room again, because borg must not be made to wait for its log.
type Journal struct {
	store  store
	limits Limits
	now    func() time.Time

	mu       sync.Mutex // guards what follows
	cur      segment    // nil: the next record starts a new segment
	first    uint64     // of cur
	size     int64      // of cur, up to the last whole record
	total    int64      // of all segments
	next     uint64
	consumed uint64
	torn     bool // cur may have half a record behind size
	lost     loss
	lostData uint64    // lines with Data, of all losses
	unsynced []segment // full segments, not synced yet
	named    uint64    // first of the newest segment whose name is durable
	synced   uint64    // published
	doubtful bool      // what is above synced may never reach the disk: to be written again
	buf      []byte
	budget   budget
	err      error // of the newest write; nil when it went well

	syncing sync.Mutex // one sync at a time
	mark    segment    // journal/synced
	wake    chan struct{}
	stop    chan struct{}
	done    chan struct{}
}

// segmentBytes is where a segment ends and the next begins.
const segmentBytes = 4 << 20

// syncEvery bounds the syncs to ten a second; syncAtMost is the pause between two
// on a disk that goes on refusing.
const (
	syncEvery  = 100 * time.Millisecond
	syncAtMost = 5 * time.Second
)

// OpenJournal opens the journal for writing: the caller holds the lock.
func (d *Dir) OpenJournal(limits Limits) (*Journal, error) {
	acked, err := d.Acked()
	if err != nil {
		return nil, err
	}
	j, err := openJournal(diskStore{filepath.Join(d.path, dirJournal)}, acked, limits, time.Now)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	go j.run()
	return j, nil
}

// Next is the number that the next record will get.
func (j *Journal) Next() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.next
}

// Consumed is how much of borg's stderr is accounted for.
func (j *Journal) Consumed() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.consumed
}

// Err is what went wrong with the newest write; nil once one succeeds again.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// Append writes lines with one system call.
func (j *Journal) Append(lines ...Line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.budget.refresh(j)
	kept := lines[:0:0]
	for _, l := range lines {
		if reason := j.budget.refuses(j, l); reason != "" {
			j.lost.add(1, reason, l.Consumed, j.now())
			j.countData(l)
			continue
		}
		kept = append(kept, l)
	}
	if len(kept) == 0 && !j.lost.overdue(j.now()) {
		return
	}
	j.write(kept)
	j.poke()
}

// DataLost is how many lines with Data this process could not write: what they
// are parts of is not whole.
func (j *Journal) DataLost() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lostData
}

// countData is called with mu held.
func (j *Journal) countData(l Line) {
	if len(l.Data) > 0 {
		j.lostData++
	}
}

// Lose counts lines that were lost before they reached the journal.
func (j *Journal) Lose(count uint64, reason string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if count > 0 {
		j.lost.add(count, reason, j.consumed, j.now())
	}
}

// FlushGaps writes down what was lost so far, if anything.
func (j *Journal) FlushGaps() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lost.count > 0 {
		j.write(nil)
		j.poke()
	}
}

// write is called with mu held. Lines that the disk refuses join the loss.
func (j *Journal) write(lines []Line) {
	recs := make([]*fleetv1.Record, 0, len(lines)+1)
	next, consumed := j.next, j.consumed
	add := func(r job.Record) {
		consumed = max(consumed, r.Consumed)
		r.Number, r.Consumed, r.Text = next, consumed, shorten(r.Text)
		if r.Time.IsZero() {
			r.Time = j.now()
		}
		recs = append(recs, wire.FromRecord(r))
		next++
	}
	if j.lost.count > 0 {
		add(j.lost.record(j.now()))
	}
	for _, l := range lines {
		add(l.Record)
	}
	if err := j.put(recs); err != nil {
		j.err = err
		for _, l := range lines {
			j.lost.add(1, reasonDisk, l.Consumed, j.now())
			j.countData(l)
		}
		return
	}
	j.err = nil
	j.next, j.consumed = next, consumed
	j.lost = loss{}
}

// put writes whole records or leaves no trace of them.
func (j *Journal) put(recs []*fleetv1.Record) (err error) {
	b := j.buf[:0]
	for _, r := range recs {
		if b, err = appendRecord(b, r); err != nil {
			return err
		}
	}
	j.buf = b
	if cap(j.buf) > 1<<20 {
		j.buf = nil // one very long line must not be paid for ever after
	}
	if err := j.room(recs[0].Number); err != nil {
		return err
	}
	if _, err := j.cur.Write(b); err != nil {
		// Half a record must not stay in front of the next one.
		j.torn = true
		j.heal()
		return fmt.Errorf("write journal: %w", err)
	}
	j.size += int64(len(b))
	j.total += int64(len(b))
	return nil
}

// room makes sure that cur is a segment with room and no torn end.
func (j *Journal) room(next uint64) error {
	if j.cur != nil && j.torn {
		if err := j.heal(); err != nil {
			return err
		}
	}
	if j.cur != nil && j.size < segmentBytes {
		return nil
	}
	s, err := j.store.open(segmentName(next))
	if err != nil {
		return fmt.Errorf("new journal segment: %w", err)
	}
	if j.cur != nil {
		j.unsynced = append(j.unsynced, j.cur)
	}
	j.cur, j.first, j.size, j.torn = s, next, 0, true
	return j.heal() // the name may be left over from a write that failed
}

func (j *Journal) heal() error {
	if err := j.cur.Truncate(j.size); err != nil {
		return fmt.Errorf("cut torn record: %w", err)
	}
	if _, err := j.cur.Seek(j.size, 0); err != nil {
		return fmt.Errorf("cut torn record: %w", err)
	}
	j.torn = false
	return nil
}

func (j *Journal) poke() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}
