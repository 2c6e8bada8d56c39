package jobdir

import (
	"math"
	"testing"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// FuzzSegment: a journal as a disk may give it back. What is read before the
// first damage is whole, and read again it is the same.
func FuzzSegment(f *testing.F) {
	var b []byte
	for i := range 3 {
		var err error
		if b, err = appendRecord(b, &fleetv1.Record{Number: uint64(i + 5), Text: "x", Consumed: uint64(i)}); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(b, uint64(5), uint64(7))
	f.Add(b[:len(b)-1], uint64(5), uint64(math.MaxUint64))
	f.Add(appendFrame(nil, b), uint64(0), uint64(9))
	f.Fuzz(func(t *testing.T, data []byte, first, until uint64) {
		s := scanSegment(data, first, until)
		if s.size < 0 || s.size > int64(len(data)) || s.next < first || s.next > max(first, until) {
			t.Fatalf("%+v of %d bytes", s, len(data))
		}
		if again := scanSegment(data[:s.size], first, until); again != s {
			t.Errorf("%+v, and cut off there %+v", s, again)
		}
		if payload, rest, err := nextFrame(data); err == nil && frameHead+len(payload)+len(rest) != len(data) {
			t.Errorf("%d and %d bytes of %d", len(payload), len(rest), len(data))
		}
	})
}
