package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/klauspost/compress/zstd"

	"borgfleet/shared/job"
)

// A chunk is a run of a job's log records, packed together:
//
//	version, level, uvarint number of the last record, zstd(records)
//
// The number of the first is in the key. A record is written as differences
// from the one before: number, time and position in borg's output go in steps.
const chunkVersion = 1

const (
	// fullBytes of records make a chunk that is not packed together with others
	// any more: large enough to compress well, small enough to unpack for the
	// sake of one line.
	fullBytes = 32 << 10
	// splitBytes is where a large batch is cut.
	splitBytes = 64 << 10
	// fullLevel marks a full chunk. Below it, a chunk's level is how often its
	// records have been packed together.
	fullLevel = 255
)

const (
	flagGap    = 1 << 0
	flagNoTime = 1 << 1
	flagData   = 1 << 2
)

var errChunk = errors.New("a log chunk does not read")

// codec packs chunks. Its parts are safe for use by several at once.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() (codec, error) {
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedDefault),
		zstd.WithEncoderConcurrency(1), // only the committer packs
		zstd.WithWindowSize(256<<10),
		zstd.WithLowerEncoderMem(true))
	if err != nil {
		return codec{}, fmt.Errorf("make log packer: %w", err)
	}
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(4),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return codec{}, fmt.Errorf("make log unpacker: %w", err)
	}
	return codec{enc: enc, dec: dec}, nil
}

func (c codec) close() {
	_ = c.enc.Close() // nothing is buffered
	c.dec.Close()
}

// chunk is a chunk's head and its packed records.
type chunk struct {
	level  uint8
	last   uint64
	packed []byte
}

func parseChunk(b []byte) (chunk, error) {
	if len(b) < 3 || b[0] != chunkVersion {
		return chunk{}, errChunk
	}
	last, n := binary.Uvarint(b[2:])
	if n <= 0 {
		return chunk{}, errChunk
	}
	return chunk{level: b[1], last: last, packed: b[2+n:]}, nil
}

func (c codec) pack(level uint8, last uint64, raw []byte) []byte {
	b := make([]byte, 0, 16+len(raw)/3)
	b = append(b, chunkVersion, level)
	b = binary.AppendUvarint(b, last)
	return c.enc.EncodeAll(raw, b)
}

func (c codec) unpack(b []byte) ([]job.Record, error) {
	ch, err := parseChunk(b)
	if err != nil {
		return nil, err
	}
	raw, err := c.dec.DecodeAll(ch.packed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errChunk, err)
	}
	recs, err := decodeRecords(raw)
	if err == nil && len(recs) == 0 {
		return nil, errChunk // it would read as the end of the log
	}
	return recs, err
}

// differ writes records as differences from the one before.
type differ struct {
	number   uint64
	nanos    int64
	consumed uint64
}

func (d *differ) append(b []byte, r job.Record) []byte {
	flags := byte(0)
	if r.Gap != nil {
		flags |= flagGap
	}
	if r.Time.IsZero() {
		flags |= flagNoTime
	}
	if len(r.Data) > 0 {
		flags |= flagData
	}
	b = append(b, flags, byte(r.Level))
	b = binary.AppendUvarint(b, r.Number-d.number)
	d.number = r.Number
	if flags&flagNoTime == 0 {
		t := r.Time.UnixNano()
		b = binary.AppendVarint(b, t-d.nanos)
		d.nanos = t
	}
	b = binary.AppendVarint(b, int64(r.Consumed-d.consumed))
	d.consumed = r.Consumed
	b = appendString(b, r.Source)
	b = appendString(b, r.Text)
	if r.Gap != nil {
		b = binary.AppendUvarint(b, r.Gap.Count)
		b = appendString(b, r.Gap.Reason)
	}
	if flags&flagData != 0 {
		b = binary.AppendUvarint(b, uint64(len(r.Data)))
		b = append(b, r.Data...)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func decodeRecords(raw []byte) ([]job.Record, error) {
	d := decoder{rest: raw, text: string(raw)} // one copy that all texts share
	var recs []job.Record
	var before differ
	for len(d.rest) > 0 && !d.bad {
		recs = append(recs, d.record(&before))
	}
	if d.bad {
		return nil, errChunk
	}
	return recs, nil
}

type decoder struct {
	rest []byte
	text string
	bad  bool
}

func (d *decoder) record(before *differ) job.Record {
	var r job.Record
	flags := d.byte()
	r.Level = job.Level(d.byte())
	before.number += d.uvarint()
	r.Number = before.number
	if flags&flagNoTime == 0 {
		before.nanos += d.varint()
		r.Time = time.Unix(0, before.nanos).UTC()
	}
	before.consumed += uint64(d.varint())
	r.Consumed = before.consumed
	r.Source = d.string()
	r.Text = d.string()
	if flags&flagGap != 0 {
		r.Gap = &job.Gap{Count: d.uvarint(), Reason: d.string()}
	}
	if flags&flagData != 0 {
		r.Data = []byte(d.string())
	}
	return r
}

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.bad = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	return took(d, v, n)
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	return took(d, v, n)
}

func took[N int64 | uint64](d *decoder, v N, n int) N {
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) string() string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return ""
	}
	from := len(d.text) - len(d.rest)
	d.rest = d.rest[n:]
	return d.text[from : from+int(n)]
}
