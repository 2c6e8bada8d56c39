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
	first  uint64  // number that seg begins with
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

// Close closes the segment that is being read, and gives back the memory for it:
// between 128 KiB and some MiB, of each job that anybody has read.
func (r *Reader) Close() error {
	r.mem = nil
	return r.leave()
}

func (r *Reader) read(from, end uint64, maxBytes int) ([]*fleetv1.Record, uint64, error) {
	from = max(from, 1)
	if from >= end {
		return nil, from, nil
	}
	if from != r.number {
		if err := r.seek(from, end); err != nil {
			return nil, from, err
		}
	}
	var out []*fleetv1.Record
	used := 0
	for from < end && (len(out) == 0 || used < maxBytes) {
		rec, size, err := r.record(from, end)
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
func (r *Reader) record(number, end uint64) (*fleetv1.Record, int, error) {
	for r.number == number {
		payload, size, err := r.peek()
		if err != nil {
			return nil, 0, err
		}
		var rec fleetv1.Record
		if size > 0 && proto.Unmarshal(payload, &rec) == nil && rec.Number == number {
			r.pass(size)
			return &rec, size, nil
		}
		// The end of a segment, or damage in it: another segment goes on.
		if err := r.goOn(number, end); err != nil {
			return nil, 0, err
		}
	}
	rec := wire.FromRecord(lostRecord(number, 0)) // before a hole's end
	return rec, proto.Size(rec), nil
}

// seek finds the segment that holds number and reads up to it.
func (r *Reader) seek(number, end uint64) error {
	if err := r.leave(); err != nil {
		return err
	}
	return r.goOn(number, end)
}

// goOn goes to number, or behind the hole that it is in: of the segments behind
// the open one the last that can hold it goes on, else the first that begins
// later. Where there is none, all up to the end is missing: a power cut may leave
// less than the verdict names, and the log has to end all the same.
func (r *Reader) goOn(number, end uint64) error {
	firsts, err := segments(r.store)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	for {
		at, found := r.following(firsts, number)
		if !found {
			r.number = end
			return nil
		}
		if err := r.enter(at); err != nil {
			return err
		}
		if err := r.walk(number); err != nil {
			return err
		}
		if r.number >= number {
			return nil
		}
	}
}

func (r *Reader) following(firsts []uint64, number uint64) (at uint64, found bool) {
	for _, first := range firsts {
		if first > r.first && (first <= number || !found) {
			at, found = first, true
		}
	}
	return at, found
}

// walk reads up to number, or to where the segment ends or is damaged.
func (r *Reader) walk(number uint64) error {
	for r.number < number {
		_, size, err := r.peek()
		if err != nil || size == 0 {
			return err
		}
		r.pass(size)
	}
	return nil
}

func (r *Reader) pass(size int) {
	r.off += int64(size)
	r.buf = r.buf[size:]
	r.number++
}

func (r *Reader) enter(first uint64) error {
	s, err := r.store.view(segmentName(first))
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if err := r.leave(); err != nil {
		s.Close()
		return err
	}
	r.seg, r.first, r.number = s, first, first
	return nil
}

// leave gives up the reader's place.
func (r *Reader) leave() error {
	seg := r.seg
	r.seg, r.first, r.number, r.off, r.buf = nil, 0, 0, 0, nil
	if seg == nil {
		return nil
	}
	return seg.Close()
}

// peek looks at the record at off; size 0 if there is no sound one.
func (r *Reader) peek() (payload []byte, size int, err error) {
	if payload, size = nextRecord(r.buf); size > 0 || r.seg == nil {
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
