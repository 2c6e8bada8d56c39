package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"borgfleet/shared/job"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	out, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func nightly() Schedule {
	return Schedule{
		ID: 1, Key: Key{1}, Name: "nightly", Cron: "0 2 * * *", Zone: "UTC", Enabled: true,
		CatchUp: DefaultCatchUp, Overlap: OverlapSkip, RetryDelay: DefaultRetryDelay,
	}
}

func timesOf(t *testing.T, s Schedule) Times {
	t.Helper()
	times, err := s.TimesFor(7, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return times
}

// TestTurn walks through what a host meets, look by look.
func TestTurn(t *testing.T) {
	type look struct {
		now    string
		fires  string // of which time; empty: nothing
		missed string // the newest, as "count first reason"
	}
	for name, c := range map[string]struct {
		change func(*Schedule)
		looks  []look
	}{
		"on time": {nil, []look{
			{"2026-03-01 12:00", "", ""}, {"2026-03-02 01:59", "", ""}, {"2026-03-02 02:00", "2026-03-02 02:00", ""},
			{"2026-03-02 02:01", "", ""}, {"2026-03-03 02:00", "2026-03-03 02:00", ""},
		}},
		"never what was due before": {nil, []look{{"2026-03-01 03:00", "", ""}, {"2026-03-01 03:01", "", ""}}},
		"asleep for three days, one is made up for": {nil, []look{
			{"2026-03-01 12:00", "", ""}, {"2026-03-05 08:00", "2026-03-05 02:00", "3 2026-03-02 02:00 " + MissedMadeUp},
			{"2026-03-05 08:01", "", "3 2026-03-02 02:00 " + MissedMadeUp},
		}},
		"for longer than the window": {func(s *Schedule) { s.CatchUp = time.Hour }, []look{
			{"2026-03-01 12:00", "", ""}, {"2026-03-03 08:00", "", "2 2026-03-02 02:00 " + MissedAway},
			{"2026-03-04 02:00", "2026-03-04 02:00", "2 2026-03-02 02:00 " + MissedAway},
		}},
		"without a window a few minutes late is on time": {func(s *Schedule) { s.CatchUp = 0 }, []look{
			{"2026-03-01 12:00", "", ""}, {"2026-03-02 02:04", "2026-03-02 02:00", ""}, {"2026-03-03 02:06", "", "1 2026-03-03 02:00 " + MissedAway},
		}},
		"the clock is set back by hours": {nil, []look{
			{"2026-03-01 12:00", "", ""}, {"2026-03-02 02:00", "2026-03-02 02:00", ""}, {"2026-03-01 23:00", "", ""},
			{"2026-03-02 02:00", "", ""}, {"2026-03-03 02:00", "2026-03-03 02:00", ""},
		}},
		"the clock was years ahead": {nil, []look{
			{"2026-03-01 12:00", "", ""}, {"2036-05-01 02:00", "2036-05-01 02:00", "1000 2026-03-02 02:00 " + MissedMadeUp},
			{"2026-03-01 12:01", "", ""}, {"2026-03-02 02:00", "2026-03-02 02:00", ""},
		}},
		"what is yet to come is not missed, nor what was made": {nil, []look{
			{"2026-03-01 12:00", "", ""}, {"2026-03-05 08:00", "2026-03-05 02:00", "3 2026-03-02 02:00 " + MissedMadeUp},
			{"2026-03-03 12:00", "", "2 2026-03-02 02:00 " + MissedMadeUp}, {"2026-03-01 12:00", "", ""},
			{"2026-03-09 08:00", "2026-03-09 02:00", "6 2026-03-02 02:00 " + MissedMadeUp},
		}},
		"the clock begins in 1970 after each boot": {nil, []look{
			{"2026-03-01 12:00", "", ""}, {"2026-03-02 02:00", "2026-03-02 02:00", ""}, {"1970-01-01 00:00", "", ""},
			{"2026-03-02 02:30", "", ""}, {"2026-03-03 02:00", "2026-03-03 02:00", ""},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := nightly()
			if c.change != nil {
				c.change(&s)
			}
			cursor := s.Begin(at(t, c.looks[0].now), time.UTC)
			for _, l := range c.looks {
				now := at(t, l.now)
				turn := s.Turn(cursor, timesOf(t, s), now, time.UTC)
				cursor = turn.Cursor
				fired := ""
				if !turn.Fire.IsZero() {
					fired = turn.Fire.Time.Format("2006-01-02 15:04")
					cursor = cursor.Made(turn.Fire)
				}
				missed := ""
				if n := len(cursor.Missed); n > 0 {
					m := cursor.Missed[n-1]
					missed = fmt.Sprintf("%d %s %s", m.Count, m.First.Format("2006-01-02 15:04"), m.Reason)
				}
				if fired != l.fires || l.now != "2026-03-02 02:30" && missed != l.missed {
					t.Errorf("at %s: fires %q and missed %q, want %q and %q", l.now, fired, missed, l.fires, l.missed)
				}
				if !turn.Look.After(now) {
					t.Errorf("at %s: looks again at %s", l.now, turn.Look)
				}
			}
		})
	}
}

// TestNoFireTimeTwice: whatever is done to the clock, to the memory's last moments
// and to the expression, no fire time is asked for twice, and a host whose clock is
// right in the end fires again.
func TestNoFireTimeTwice(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := nightly()
		s.Cron = []string{"0 2 * * *", "*/15 * * * *", "0 */6 * * 1-5", "30 4 1 * *"}[r.IntN(4)]
		s.Splay = time.Duration(r.IntN(3)) * time.Hour
		now := at(t, "2026-03-01 12:00").Add(time.Duration(r.IntN(1e6)) * time.Second)
		times := timesOf(t, s)
		cursor := s.Begin(now, time.UTC)
		var fired []time.Time
		look := func(now time.Time) {
			turn := s.Turn(cursor, times, now, time.UTC)
			cursor = turn.Cursor
			if f := turn.Fire; !f.IsZero() {
				if slices.ContainsFunc(fired, f.Time.Equal) {
					t.Fatalf("seed %d: %s is fired twice", seed, f.Time)
				}
				if f.Due.After(now) {
					t.Fatalf("seed %d: %s is fired at %s", seed, f.Due, now)
				}
				fired = append(fired, f.Time)
				cursor = cursor.Made(f)
			}
		}
		for range 300 {
			switch r.IntN(12) {
			case 0:
				now = now.Add(-time.Duration(r.IntN(100)) * time.Hour)
			case 1:
				now = now.Add(time.Duration(r.IntN(5000)) * time.Hour)
			case 2:
				now = now.Add(-time.Duration(r.IntN(50000)) * time.Hour)
			default:
				now = now.Add(time.Duration(r.IntN(100)) * time.Minute)
			}
			look(now)
		}
		now = now.AddDate(20, 0, 0) // where nothing has been fired yet
		look(now)
		next := times.Next(now)
		before := len(fired)
		look(next.Due)
		if len(fired) != before+1 {
			t.Fatalf("seed %d: %s is not fired", seed, next.Due)
		}
	}
}

// TestAChangedExpressionBeginsAnew: what it would have named before is not missed.
func TestAChangedExpressionBeginsAnew(t *testing.T) {
	s := nightly()
	c := s.Begin(at(t, "2026-03-01 12:00"), time.UTC)
	s.Cron = "0 11 * * *"
	turn := s.Turn(c, timesOf(t, s), at(t, "2026-03-01 12:30"), time.UTC)
	if !turn.Fire.IsZero() || len(turn.Cursor.Missed) > 0 || !turn.Changed {
		t.Errorf("%+v", turn)
	}
	if got := turn.Look.Format("2006-01-02 15:04"); got != "2026-03-02 11:00" {
		t.Errorf("looks again at %s", got)
	}
}

// TestSplay is the same always, below its bound, and another for each repository.
func TestSplay(t *testing.T) {
	s := nightly()
	s.Splay = time.Hour
	spread := map[time.Duration]bool{}
	for id := range int64(100) {
		times, err := s.TimesFor(id, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		f := times.Next(at(t, "2026-03-01 12:00"))
		d := f.Due.Sub(f.Time)
		if d < 0 || d >= s.Splay || d != s.SplayOf(id) {
			t.Errorf("repository %d: %s", id, d)
		}
		if again := times.Next(f.Due.Add(-time.Second)); again != f {
			t.Errorf("repository %d: just before %s it is due at %s", id, f.Due, again.Due)
		}
		spread[d] = true
	}
	if len(spread) < 80 {
		t.Errorf("100 repositories begin at %d times", len(spread))
	}
}

func TestJobKeys(t *testing.T) {
	s, other := nightly(), nightly()
	other.Key = Key{2}
	fire := at(t, "2026-03-02 02:00")
	keys := map[job.Key]string{}
	for name, k := range map[string]job.Key{
		"itself": s.JobKey(7, fire, 0), "other schedule": other.JobKey(7, fire, 0), "other repository": s.JobKey(8, fire, 0),
		"other time": s.JobKey(7, fire.Add(time.Minute), 0), "retry": s.JobKey(7, fire, 1), "step": job.StepKey(s.JobKey(7, fire, 0), job.Prune),
	} {
		if was, taken := keys[k]; taken {
			t.Errorf("%s has the key of %s", name, was)
		}
		keys[k] = name
		if parsed, err := job.ParseKey(k.String()); err != nil || parsed != k || k.String()[14] != '8' {
			t.Errorf("%s: %s, %v", name, k, err)
		}
	}
	if s.JobKey(7, fire.In(time.FixedZone("x", 3600)), 0) != s.JobKey(7, fire, 0) {
		t.Error("the key depends on who looks at the time")
	}
	if s.JobKey(7, fire, 0).String() >= s.JobKey(7, fire.Add(time.Hour), 0).String() {
		t.Error("keys do not sort by time")
	}
}

func TestLast(t *testing.T) {
	s := nightly()
	s.Cron = "0 2 29 2 *"
	times := timesOf(t, s)
	long := at(t, "1990-01-01 00:00")
	for now, want := range map[string]string{"2026-03-02 02:00": "2024-02-29 02:00", "2024-02-29 02:00": "2024-02-29 02:00", "2024-02-29 01:59": "2020-02-29 02:00"} {
		if got := times.Last(long, at(t, now)).Due.Format("2006-01-02 15:04"); got != want {
			t.Errorf("before %s it was due at %s, want %s", now, got, want)
		}
	}
	if f := times.Last(at(t, "2024-02-29 02:00"), at(t, "2026-03-02 02:00")); !f.IsZero() {
		t.Errorf("none was due since, and not %s", f.Due)
	}
}

func TestRetryAt(t *testing.T) {
	s := nightly()
	s.Retries, s.RetryDelay = 3, 10*time.Minute
	ended := at(t, "2026-03-02 02:00")
	failed := job.Verdict{Status: job.Failed, EndedAt: ended}
	for attempt, want := range []time.Duration{10 * time.Minute, 20 * time.Minute, 40 * time.Minute} {
		if got, ok := s.RetryAt(failed, attempt); !ok || got.Sub(ended) != want {
			t.Errorf("attempt %d: %s, %v", attempt, got, ok)
		}
	}
	if _, ok := s.RetryAt(failed, 3); ok {
		t.Error("it tries for ever")
	}
	for _, v := range []job.Verdict{{Status: job.Completed}, {Status: job.Cancelled}, {Status: job.Failed, ErrorCode: job.CodePolicy}} {
		if _, ok := s.RetryAt(v, 0); ok {
			t.Errorf("%+v is tried again", v)
		}
	}
}
