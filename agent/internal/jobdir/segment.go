package jobdir

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// A journal segment is a row of records: length, CRC-32C over length and
// payload, payload (fleet.v1 Record). Its name is the number of its first
// record.
const (
	recordHead    = 8
	maxRecord     = 4 << 20 // anything longer is not a record
	segmentSuffix = ".log"
)

func segmentName(first uint64) string {
	return fmt.Sprintf("%020d%s", first, segmentSuffix)
}

func segmentFirst(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

// appendRecord encodes r behind b.
func appendRecord(b []byte, r *fleetv1.Record) ([]byte, error) {
	start := len(b)
	b = append(b, make([]byte, recordHead)...)
	b, err := proto.MarshalOptions{}.MarshalAppend(b, r)
	if err != nil {
		return b[:start], fmt.Errorf("encode journal record: %w", err)
	}
	payload := b[start+recordHead:]
	head := b[start : start+recordHead]
	binary.LittleEndian.PutUint32(head[:4], uint32(len(payload)))
	binary.LittleEndian.PutUint32(head[4:], sum(head[:4], payload))
	return b, nil
}

// nextRecord takes the first record off b; size 0 if b does not start with a
// whole and sound one.
func nextRecord(b []byte) (payload []byte, size int) {
	if len(b) < recordHead {
		return nil, 0
	}
	n := binary.LittleEndian.Uint32(b[:4])
	if n > maxRecord || int(n) > len(b)-recordHead {
		return nil, 0
	}
	payload = b[recordHead : recordHead+int(n)]
	if sum(b[:4], payload) != binary.LittleEndian.Uint32(b[4:8]) {
		return nil, 0
	}
	return payload, recordHead + int(n)
}

// scan is what a segment holds, up to the first thing that is no record.
type scan struct {
	next     uint64 // number after the last sound record
	size     int64  // bytes up to there
	consumed uint64 // of the last sound record
}

// scanSegment looks at the records below until: there the next segment begins,
// and what this one has of the same numbers was written again.
func scanSegment(b []byte, first, until uint64) scan {
	s := scan{next: first}
	for s.next < until {
		payload, n := nextRecord(b)
		if n == 0 {
			return s
		}
		var r fleetv1.Record
		if proto.Unmarshal(payload, &r) != nil || r.Number != s.next {
			return s
		}
		s.next++
		s.size += int64(n)
		s.consumed = r.Consumed
		b = b[n:]
	}
	return s
}
