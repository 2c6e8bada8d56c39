package history

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"borgfleet/shared/job"
)

// TestTalliesAddUp: the tally of jobs is the same in whatever parts it is summed
// up and stored.
func TestTalliesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var whole, stored Tally
		of := map[job.Status]int64{}
		n := rapid.IntRange(0, 20).Draw(t, "jobs")
		for range n {
			r := aRow(t, 100)
			of[r.Status]++
			whole = whole.Plus(TallyOf(r))
			part, rest, err := ReadTally(append(AppendTally(nil, stored), "next"...))
			if err != nil || string(rest) != "next" {
				t.Fatalf("%v, then %q", err, rest)
			}
			stored = TallyOf(r).Plus(part)
		}
		if diff := cmp.Diff(whole, stored, cmp.AllowUnexported(Tally{})); diff != "" {
			t.Fatal(diff)
		}
		for _, s := range job.Statuses() {
			if whole.Of(s) != of[s] {
				t.Fatalf("%d jobs %s, want %d", whole.Of(s), s, of[s])
			}
		}
		if whole.Jobs() != int64(n) {
			t.Fatalf("%d jobs, want %d", whole.Jobs(), n)
		}
	})
	good := AppendTally(nil, Tally{Original: 1 << 40})
	for _, b := range [][]byte{nil, good[:len(good)-1], good[:3]} {
		if _, _, err := ReadTally(b); err == nil {
			t.Errorf("%v was accepted", b)
		}
	}
}

// TestWhatTookHowLong: only a job whose start and end are known counts.
func TestWhatTookHowLong(t *testing.T) {
	for name, c := range map[string]struct {
		started, ended time.Time
		seconds, timed int64
	}{
		"both known":        {t0, t0.Add(90 * time.Second), 90, 1},
		"at once":           {t0, t0, 0, 1},
		"start not known":   {time.Time{}, t0, 0, 0},
		"it runs":           {t0, time.Time{}, 0, 0},
		"a clock went back": {t0, t0.Add(-time.Second), 0, 0},
	} {
		got := TallyOf(Row{Status: job.Completed, StartedAt: c.started, EndedAt: c.ended})
		if got.Seconds != c.seconds || got.Timed != c.timed {
			t.Errorf("%s: %d seconds of %d jobs", name, got.Seconds, got.Timed)
		}
	}
}

func TestDates(t *testing.T) {
	for at, want := range map[string]string{
		"2026-03-01T00:00:00Z":      "2026-03-01",
		"2026-03-01T23:59:59.9Z":    "2026-03-01",
		"2026-03-01T00:30:00+02:00": "2026-02-28",
		"1970-01-01T00:00:00Z":      "1970-01-01",
		"1969-12-31T23:59:59Z":      "1969-12-31",
		"1969-12-31T00:00:00Z":      "1969-12-31",
		"1969-12-30T23:59:59Z":      "1969-12-30",
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		d := DateOf(when)
		if d.String() != want || d.Time().After(when) || !(d + 1).Time().After(when) {
			t.Errorf("%s is in %s", at, d)
		}
	}
}
