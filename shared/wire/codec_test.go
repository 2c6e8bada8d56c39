package wire

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

func TestCodec(t *testing.T) {
	records := func(n int) *fleetv1.ReportRequest {
		r := &fleetv1.JobReport{Key: []byte("0123456789abcdef")}
		for range n {
			r.Records = append(r.Records, &fleetv1.Record{})
		}
		return &fleetv1.ReportRequest{Epoch: "e", Jobs: []*fleetv1.JobReport{r}}
	}
	for n, ok := range map[int]bool{0: true, 50_000: true, mostParts - 1: true, mostParts: false, 4_000_000: false} {
		in := records(n)
		data, err := Codec{}.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out fleetv1.ReportRequest
		err = Codec{}.Unmarshal(data, &out)
		if (err == nil) != ok || ok && !proto.Equal(in, &out) {
			t.Errorf("%d records, %d bytes: %v", n, len(data), err)
		}
	}
	for _, bad := range [][]byte{bytes.Repeat([]byte{0xff}, 100_000), bytes.Repeat([]byte{0x1a, 0x7f}, 50_000), make([]byte, 100_000)} {
		if err := (Codec{}).Unmarshal(bad, new(fleetv1.ReportRequest)); err == nil {
			t.Errorf("%x… was read", bad[:8])
		}
	}
	if _, err := (Codec{}).Marshal("x"); err == nil {
		t.Error("a text was written")
	}
}

// FuzzCodec: what the codec refuses has many parts, or is refused anyway; what it
// takes is what it would be without it.
func FuzzCodec(f *testing.F) {
	long, err := proto.Marshal(&fleetv1.HelloRequest{Hostname: string(bytes.Repeat([]byte("x"), uncounted)), Jobs: []*fleetv1.JobState{{}, {Register: &fleetv1.Register{Verdict: &fleetv1.Verdict{}}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(long[uncounted:])
	f.Add([]byte{0x3a, 0x00, 0x3a, 0x02, 0x1a, 0x00})
	f.Fuzz(func(t *testing.T, data []byte) {
		data = append(data, long...)
		var plain, counted fleetv1.HelloRequest
		e1, e2 := proto.Unmarshal(data, &plain), Codec{}.Unmarshal(data, &counted)
		if e1 != nil {
			if e2 == nil {
				t.Errorf("it is refused without the codec: %v", e1)
			}
			return
		}
		if len(plain.Jobs)+len(plain.Borg) > mostParts {
			if e2 == nil {
				t.Error("taken")
			}
			return
		}
		if len(data) < 2*mostParts && e2 != nil {
			t.Error(e2)
		}
		if e2 == nil && !proto.Equal(&plain, &counted) {
			t.Error("read as another")
		}
	})
}
