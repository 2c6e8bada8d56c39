package wire

import (
	"encoding/json"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// lasting wants a value that can be told in JSON, and that stays the same when it
// is written down and read again.
func lasting[T any, P proto.Message](t *testing.T, v T, from func(T) P, to func(P) (T, error)) {
	t.Helper()
	if _, err := json.Marshal(v); err != nil {
		t.Errorf("%+v cannot be told: %v", v, err)
	}
	first, err := throughWire(v, from, to) // what is missing has its default now
	if err != nil {
		t.Errorf("%+v cannot be written and read: %v", v, err)
		return
	}
	second, err := throughWire(first, from, to)
	if err != nil || !reflect.DeepEqual(first, second) {
		t.Errorf("%+v is %+v after it was written down, %v", first, second, err)
	}
}

func throughWire[T any, P proto.Message](v T, from func(T) P, to func(P) (T, error)) (T, error) {
	p := from(v)
	data, err := proto.Marshal(p)
	if err != nil {
		return v, err
	}
	again := p.ProtoReflect().New().Interface().(P)
	if err := proto.Unmarshal(data, again); err != nil {
		return v, err
	}
	return to(again)
}

func sure[T, P any](to func(P) T) func(P) (T, error) {
	return func(p P) (T, error) { return to(p), nil }
}

// FuzzMessages: whatever the other side sends is refused, or is something that
// can be.
func FuzzMessages(f *testing.F) {
	verdict := &fleetv1.Verdict{Status: "completed", ErrorMessage: "\x1b", JournalEnd: 1}
	spec := &fleetv1.JobSpec{Kind: "backup", Repository: &fleetv1.Repository{Id: 1, Path: "/r"}}
	for _, m := range []proto.Message{
		&fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{{
			Key: make([]byte, 16), Spec: spec, Register: &fleetv1.Register{Version: 1, Verdict: verdict, Progress: &fleetv1.Progress{Percent: 1}},
			Records: []*fleetv1.Record{{Number: 1, Text: "x", Data: []byte("x")}},
		}}},
		&fleetv1.WatchResponse{Snapshot: true, StoreId: "s", Repositories: []*fleetv1.Repository{{Id: 1, Path: "/r", Name: "r"}}},
	} {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var report fleetv1.ReportRequest
		if (Codec{}).Unmarshal(data, &report) == nil {
			for _, j := range report.Jobs {
				if s, err := ToSpec(j.Spec); err == nil {
					lasting(t, s, FromSpec, ToSpec)
				}
				if r, err := ToRegister(j.Register); err == nil {
					lasting(t, r, FromRegister, ToRegister)
				}
				for _, r := range j.Records {
					lasting(t, ToRecord(r), FromRecord, sure(ToRecord))
				}
			}
		}
		var watch fleetv1.WatchResponse
		if (Codec{}).Unmarshal(data, &watch) == nil {
			for _, r := range watch.Repositories {
				lasting(t, ToRepository(r), FromRepository, sure(ToRepository))
			}
		}
	})
}

// FuzzData: what a record carries for programs.
func FuzzData(f *testing.F) {
	a, err := EncodeArchive(job.Archive{Name: "a", ID: "x"})
	if err != nil {
		f.Fatal(err)
	}
	e, err := EncodeEntry(job.Entry{Path: "p\xff", Type: "-", Mode: "-rw-r--r--"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(a)
	f.Add(e)
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := DecodeArchive(data); err == nil {
			again, err := EncodeArchive(a)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := DecodeArchive(again); err != nil || !reflect.DeepEqual(a, b) {
				t.Errorf("%+v is %+v after it was written down, %v", a, b, err)
			}
		}
		if e, err := DecodeEntry(data); err == nil {
			again, err := EncodeEntry(e)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := DecodeEntry(again); err != nil || !reflect.DeepEqual(e, b) {
				t.Errorf("%+v is %+v after it was written down, %v", e, b, err)
			}
		}
	})
}
