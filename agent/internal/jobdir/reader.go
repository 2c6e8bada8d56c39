package jobdir

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// Reader reads a journal while it is being written. It never returns a record
// that is not synced. It keeps its place, so reading on costs what is read.
type Reader struct {
	dir   *Dir
	store store

	seg    segment // open segment, nil before the first read
	number uint64  // of the record at off; 0: no place yet
	off    int64
	buf    []byte // read ahead from off, in mem
	mem    []byte
}

const readAhead = 128 << 10

// NewReader makes a reader, for one goroutine.
func (d *Dir) NewReader() *Reader {
	return &Reader{dir: d, store: diskStore{filepath.Join(d.path, dirJournal)}}
}

// JournalNext is the first journal number that is not synced: everything below
// may be sent.
func (d *Dir) JournalNext() (uint64, error) {
	v, err := d.Verdict()
	if err != nil {
		return 0, err
	}
	if v != nil {
		// The verdict was written after the journal was synced up to here. The
		// published number may be older, after a power cut.
		return v.JournalEnd + 1, nil
	}
	return readSynced(diskStore{filepath.Join(d.path, dirJournal)})
}

// Read returns synced records from number from on, up to about maxBytes of
// them but at least one if there is one, and the number to go on with.
func (r *Reader) Read(from uint64, maxBytes int) ([]*fleetv1.Record, uint64, error) {
	end, err := r.dir.JournalNext()
	if err != nil {
		return nil, from, err
	}
	return r.read(from, end, maxBytes)
}

// Close closes the segment that is being read.
func (r *Reader) Close() error {
	r.number = 0
	if r.seg == nil {
		return nil
	}
	err := r.seg.Close()
	r.seg = nil
	return err
}

func (r *Reader) read(from, end uint64, maxBytes int) ([]*fleetv1.Record, uint64, error) {
	from = max(from, 1)
	if from >= end {
		return nil, from, nil
	}
	if from != r.number {
		if err := r.seek(from); err != nil {
			return nil, from, err
		}
	}
	var out []*fleetv1.Record
	used := 0
	for from < end && (len(out) == 0 || used < maxBytes) {
		rec, size, err := r.record(from)
		if err != nil {
			return out, from, err
		}
		out = append(out, rec)
		used += size
		from++
	}
	return out, from, nil
}

// record returns the record with that number, at which the reader stands, or a
// stand-in if it is on no disk any more.
func (r *Reader) record(number uint64) (*fleetv1.Record, int, error) {
	if r.number > number { // behind a hole
		return wire.FromRecord(lostRecord(number, 0)), recordHead, nil
	}
	payload, size, err := r.peek()
	if err != nil {
		return nil, 0, err
	}
	var rec fleetv1.Record
	if size > 0 && proto.Unmarshal(payload, &rec) == nil && rec.Number == number {
		r.off += int64(size)
		r.buf = r.buf[size:]
		r.number = number + 1
		return &rec, size, nil
	}
	// The end of a segment, or damage in it: the next segment goes on.
	if err := r.skip(number); err != nil {
		return nil, 0, err
	}
	if r.number == number {
		return r.record(number)
	}
	return wire.FromRecord(lostRecord(number, 0)), recordHead, nil
}

// skip opens the first segment that begins at number or later.
func (r *Reader) skip(number uint64) error {
	firsts, err := segments(r.store)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	for _, first := range firsts {
		if first >= number {
			return r.enter(first)
		}
	}
	return fmt.Errorf("read journal: record %d: %w", number, ErrDamaged)
}

// seek finds the segment that holds number and reads up to it.
func (r *Reader) seek(number uint64) error {
	firsts, err := segments(r.store)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if len(firsts) == 0 {
		return fmt.Errorf("read journal: record %d: %w", number, ErrDamaged)
	}
	at := firsts[0]
	for _, first := range firsts {
		if first <= number {
			at = first
		}
	}
	if err := r.enter(at); err != nil {
		return err
	}
	for r.number < number {
		_, size, err := r.peek()
		if err != nil {
			return err
		}
		if size == 0 {
			return r.skip(number)
		}
		r.off += int64(size)
		r.buf = r.buf[size:]
		r.number++
	}
	return nil
}

func (r *Reader) enter(first uint64) error {
	s, err := r.store.open(segmentName(first))
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if r.seg != nil {
		r.seg.Close()
	}
	r.seg, r.number, r.off, r.buf = s, first, 0, nil
	return nil
}

// peek looks at the record at off; size 0 if there is no sound one.
func (r *Reader) peek() (payload []byte, size int, err error) {
	if payload, size = nextRecord(r.buf); size > 0 {
		return payload, size, nil
	}
	want := readAhead
	for {
		if len(r.mem) < want {
			r.mem = make([]byte, want)
		}
		n, err := r.seg.ReadAt(r.mem[:want], r.off)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, fmt.Errorf("read journal: %w", err)
		}
		r.buf = r.mem[:n]
		payload, size = nextRecord(r.buf)
		if size > 0 || n < want || want > maxRecord {
			return payload, size, nil
		}
		want *= 4 // a record longer than what was read ahead
	}
}
