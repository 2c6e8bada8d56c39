package wire

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// fill sets every field of v to something that is not zero, so that a field
// which the mapping forgets does not come back.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)))
		return
	case time.Duration:
		v.Set(reflect.ValueOf(90 * time.Second))
		return
	case job.Kind:
		v.Set(reflect.ValueOf(job.Backup))
		return
	case job.Status:
		v.Set(reflect.ValueOf(job.Failed))
		return
	case job.TriggeredBy:
		v.Set(reflect.ValueOf(job.ByAgent))
		return
	case job.TotalSource:
		v.Set(reflect.ValueOf(job.TotalWalk))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(3)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(7)
	case reflect.Float64:
		v.SetFloat(1.5)
	default:
		t.Fatalf("fill does not know %s", v.Type())
	}
}

func same[T any](t *testing.T, there func(T) T) {
	t.Helper()
	var want T
	fill(t, reflect.ValueOf(&want).Elem())
	if diff := cmp.Diff(want, there(want)); diff != "" {
		t.Errorf("%T is not what it was (-sent +received):\n%s", want, diff)
	}
}

// coded goes there and back through bytes.
func coded[T any](t *testing.T, encode func(T) ([]byte, error), decode func([]byte) (T, error)) func(T) T {
	return func(v T) T {
		t.Helper()
		data, err := encode(v)
		if err != nil {
			t.Fatal(err)
		}
		out, err := decode(data)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// TestNothingIsForgotten sends every domain type there and back.
func TestNothingIsForgotten(t *testing.T) {
	same(t, func(s job.Spec) job.Spec {
		out, err := ToSpec(FromSpec(s))
		if err != nil {
			t.Fatal(err)
		}
		return out
	})
	same(t, func(r job.Register) job.Register {
		out, err := ToRegister(FromRegister(r))
		if err != nil {
			t.Fatal(err)
		}
		return out
	})
	same(t, func(r job.Record) job.Record { return ToRecord(FromRecord(r)) })
	same(t, coded(t, EncodeArchive, DecodeArchive))
	same(t, coded(t, EncodeEntry, DecodeEntry))
}

// TestBadNamesDoNotCostTheMessage: protobuf refuses to encode a string that is
// not UTF-8, and with it everything around it.
func TestBadNamesDoNotCostTheMessage(t *testing.T) {
	reg := job.Register{Phase: job.PhaseStarted, Progress: job.Progress{CurrentFile: "bad\xff\xfename"}}
	rec := job.Record{Number: 1, Text: "bad\xff"}
	for _, m := range []proto.Message{FromRegister(reg), FromRecord(rec)} {
		if _, err := proto.Marshal(m); err != nil {
			t.Errorf("%T: %v", m, err)
		}
	}
}

// TestNonsenseIsRefused: nothing that the other side invents becomes a domain
// value.
func TestNonsenseIsRefused(t *testing.T) {
	bad := map[string]*fleetv1.Register{
		"phase":          {Phase: 99},
		"negative phase": {Phase: -1},
		"status":         {Phase: 1, Verdict: &fleetv1.Verdict{Status: "splendid"}},
		"no end":         {Phase: 1, Verdict: &fleetv1.Verdict{Status: "running"}},
	}
	for name, p := range bad {
		if _, err := ToRegister(p); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, p := range map[string]*fleetv1.JobSpec{"nil": nil, "kind": {Kind: "format-disk"}, "trigger": {Kind: "backup", TriggeredBy: "moon"}} {
		if _, err := ToSpec(p); err == nil {
			t.Errorf("spec %s: accepted", name)
		}
	}
}
