package rest

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// TestJobsAsJSON: what is written by hand is what encoding/json writes, for every
// field that a job has.
func TestJobsAsJSON(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		list := JobList{Jobs: make([]Job, draw.IntN(4))}
		for i := range list.Jobs {
			fill(t, draw, reflect.ValueOf(&list.Jobs[i]).Elem())
		}
		fill(t, draw, reflect.ValueOf(&list.NextCursor).Elem())
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(list); err != nil {
			t.Fatal(err)
		}
		if got := string(list.AppendJSON(nil)) + "\n"; got != want.String() {
			t.Fatalf("got\n%swant\n%s", got, want.String())
		}
	}
}

// fill draws a value for each field, so that a new one is not forgotten.
func fill(t *testing.T, draw *rand.Rand, v reflect.Value) {
	t.Helper()
	pick := func(n int) int { return draw.IntN(n) }
	switch v.Kind() {
	case reflect.Pointer:
		if pick(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, draw, v.Elem())
		}
	case reflect.Struct:
		if at, ok := v.Addr().Interface().(*Time); ok {
			at.Time = time.Unix(draw.Int64N(1e11)-1e9, draw.Int64N(1e9)).In(time.FixedZone("", pick(7200)))
			return
		}
		for i := range v.NumField() {
			fill(t, draw, v.Field(i))
		}
	case reflect.String:
		texts := []string{"", "plain text: ~!{}", `"quoted" and /`, `C:\dir`, "line\nnext\ttab\x00\x7f", "<&> \u2028 é 日本 \U0001f600", "bad \xff utf8"}
		v.SetString(texts[pick(len(texts))])
	case reflect.Bool:
		v.SetBool(pick(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, 1, -1, 7, 1 << 40, math.MaxInt64, math.MinInt64}[pick(7)])
	case reflect.Float64:
		v.SetFloat([]float64{0, 1, 99.99, 0.001, 1.0 / 3, 1e-7, 9.2e18, 1e21, -2.5, math.MaxFloat64, math.SmallestNonzeroFloat64}[pick(11)])
	default:
		t.Fatalf("no values for a %s", v.Type())
	}
}

func BenchmarkJobList(b *testing.B) {
	text := "/var/lib/databases/base/16384/2619"
	when := At(time.Unix(1_700_000_000, 0))
	id := int64(123456)
	f := 12.5
	one := Job{JobCore: JobCore{
		ID: 1_000_000, Repository: "ssh://borg@backup1.example.org/srv/borg/host-00001/home-1", Status: "completed",
		StartedAt: when, CompletedAt: when, LastContactAt: when, CreatedAt: when, ScheduledJobID: &id, DurationSeconds: &f,
		ArchiveName: &text, Kind: "backup", Agent: "host-00001", TriggeredBy: "schedule", BorgVersion: &text,
	}}
	list := JobList{}
	for range 50 {
		list.Jobs = append(list.Jobs, one)
	}
	b.Run("encoding/json", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.Marshal(list); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("append", func(b *testing.B) {
		for b.Loop() {
			list.AppendJSON(make([]byte, 0, 64<<10))
		}
	})
}
