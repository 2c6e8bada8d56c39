package cron

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func parsed(t *testing.T, text string) Expression {
	t.Helper()
	e, err := Parse(text)
	must(t, err)
	return e
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	must(t, err)
	return loc
}

// after lists what is due from a time on.
func after(t *testing.T, text, from string, loc *time.Location, n int) (out []string) {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04:05", from, loc)
	must(t, err)
	for range n {
		at = parsed(t, text).Next(at, loc)
		out = append(out, at.Format("2006-01-02 15:04 -0700"))
	}
	return out
}

// TestNext: what people expect where clocks are set, and of days.
func TestNext(t *testing.T) {
	for _, c := range []struct {
		text, zone, from string
		want             []string
	}{
		{"30 2 * * *", "Europe/Berlin", "2026-03-28 12:00:00", []string{"2026-03-29 03:00 +0200", "2026-03-30 02:30 +0200"}},
		{"30 2 * * *", "Europe/Berlin", "2026-10-24 12:00:00", []string{"2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"}},
		{"0 1-4 * * *", "Europe/Berlin", "2026-03-29 00:00:00", []string{"2026-03-29 01:00 +0100", "2026-03-29 03:00 +0200", "2026-03-29 04:00 +0200", "2026-03-30 01:00 +0200"}},
		{"0 * * * *", "Europe/Berlin", "2026-03-29 01:30:00", []string{"2026-03-29 03:00 +0200", "2026-03-29 04:00 +0200"}},
		{"0 * * * *", "Europe/Berlin", "2026-10-25 01:30:00", []string{"2026-10-25 02:00 +0200", "2026-10-25 02:00 +0100", "2026-10-25 03:00 +0100"}},
		{"*/20 * * * *", "America/New_York", "2026-11-01 01:30:00", []string{"2026-11-01 01:40 -0400", "2026-11-01 01:00 -0500", "2026-11-01 01:20 -0500"}},
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00:00", []string{"2026-10-04 02:30 +1100", "2026-10-05 02:15 +1100"}},
		{"45 1 * * *", "Australia/Lord_Howe", "2026-04-04 12:00:00", []string{"2026-04-05 01:45 +1100", "2026-04-06 01:45 +1030"}},
		{"0 0 * * *", "Africa/Cairo", "2026-04-23 12:00:00", []string{"2026-04-24 01:00 +0300", "2026-04-25 00:00 +0300"}},
		{"0 0 * * 5", "Africa/Cairo", "2026-04-20 12:00:00", []string{"2026-04-24 01:00 +0300", "2026-05-01 00:00 +0300"}},
		{"15 6 * * *", "Asia/Kathmandu", "2026-01-01 06:15:00", []string{"2026-01-02 06:15 +0545"}},
		{"0 0 13 * fri", "UTC", "2026-02-01 00:00:00", []string{"2026-02-06 00:00 +0000", "2026-02-13 00:00 +0000", "2026-02-20 00:00 +0000"}},
		{"0 0 13 * *", "UTC", "2026-02-01 00:00:00", []string{"2026-02-13 00:00 +0000", "2026-03-13 00:00 +0000"}},
		{"0 0 */2 * mon", "UTC", "2026-02-01 00:00:00", []string{"2026-02-09 00:00 +0000", "2026-02-23 00:00 +0000"}},
		{"0 0 29 2 *", "UTC", "2026-01-01 00:00:00", []string{"2028-02-29 00:00 +0000", "2032-02-29 00:00 +0000"}},
		{"0 0 29 2 *", "UTC", "2096-03-01 00:00:00", []string{"2104-02-29 00:00 +0000"}},
		{"0 0 29 2 */6", "UTC", "2088-03-01 00:00:00", []string{"2116-02-29 00:00 +0000"}},
		{"59 23 31 12 *", "UTC", "2026-12-31 23:58:59", []string{"2026-12-31 23:59 +0000", "2027-12-31 23:59 +0000"}},
		{"0 0 * * 7", "UTC", "2026-11-23 00:00:00", []string{"2026-11-29 00:00 +0000"}},
		{"0 0 * * 5-7", "UTC", "2026-11-27 00:00:00", []string{"2026-11-28 00:00 +0000", "2026-11-29 00:00 +0000", "2026-12-04 00:00 +0000"}},
		{"@weekly", "UTC", "2026-11-23 00:00:00", []string{"2026-11-29 00:00 +0000"}},
		// A zone that left a whole day out.
		{"0 2 * * *", "Pacific/Apia", "2011-12-29 03:00:00", []string{"2011-12-31 00:00 +1400", "2011-12-31 02:00 +1400"}},
	} {
		if got := after(t, c.text, c.from, zone(t, c.zone), len(c.want)); !slices.Equal(got, c.want) {
			t.Errorf("%s in %s after %s:\n%q, want\n%q", c.text, c.zone, c.from, got, c.want)
		}
	}
}

// minute is one as the clock shows it.
type minute struct{ at, wall time.Time }

// minutesOf are those of a time, for all expressions.
func minutesOf(loc *time.Location, from, to time.Time) (out []minute) {
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		shown := at.In(loc)
		y, mo, d := shown.Date()
		out = append(out, minute{at, time.Date(y, mo, d, shown.Hour(), shown.Minute(), 0, 0, time.UTC)})
	}
	return out
}

// oracle finds what is due by looking at the clock each minute, in a way that has
// nothing in common with Next.
func oracle(e Expression, minutes []minute, from, to time.Time) (out []time.Time) {
	shown := func(wall time.Time) bool {
		return e.minutes.has(wall.Minute()) && e.hours.has(wall.Hour()) && e.day(wall)
	}
	latest := minutes[0].wall // that the clock has ever shown
	for _, m := range minutes {
		due := false
		switch {
		case e.hours.star:
			due = shown(m.wall)
		case m.wall.After(latest):
			for w := latest.Add(time.Minute); !w.After(m.wall); w = w.Add(time.Minute) {
				due = due || shown(w) // left out, or there now
			}
		}
		if m.wall.After(latest) {
			latest = m.wall
		}
		if due && !m.at.Before(from) && m.at.Before(to) {
			out = append(out, m.at)
		}
	}
	return out
}

// TestNextIsWhatTheClockShows: around every change of the clocks in fifteen years,
// and on days without one.
func TestNextIsWhatTheClockShows(t *testing.T) {
	t.Parallel()
	expressions := []string{
		"0 0 * * *", "30 1 * * *", "0 2 * * *", "15,45 2 * * *", "30 2 * * *", "59 2 * * *", "0 3 * * *", "5 0-6/2 * * *", "* 2 * * *",
		"*/10 1-3 * * *", "0 * * * *", "17 * * * *", "*/15 * * * *", "*/7 * * * *", "* * * * *", "0 */2 * * *", "30 */3 * * *",
		"0 2 1 * *", "0 2 25-31 3,10 *", "0 2 * * sun", "45 1 * * sat,sun", "0 0 13 * fri", "30 2 */2 * 0", "0 0 1 1 *",
	}
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu", "UTC", "Africa/Casablanca", "America/Havana"} {
		loc := zone(t, name)
		checked := 0
		for _, at := range changes(loc, 2012, 2027) {
			at = at.Truncate(time.Minute)
			minutes := minutesOf(loc, at.Add(-56*time.Hour), at.Add(30*time.Hour))
			for _, text := range expressions {
				e := parsed(t, text)
				around := 30 * time.Hour
				if e.minutes.star {
					around = 3 * time.Hour // there are many
				}
				from, to := at.Add(-around), at.Add(around)
				want := oracle(e, minutes, from, to)
				got := []time.Time{}
				for due := e.Next(from.Add(-time.Second), loc); due.Before(to) && len(got) <= len(want); due = e.Next(due, loc) {
					got = append(got, due)
				}
				if !slices.EqualFunc(got, want, time.Time.Equal) {
					t.Fatalf("%s in %s around %s:\n%v, want\n%v", text, name, at, got, want)
				}
				checked += len(want)
			}
		}
		if checked < 1000 {
			t.Errorf("%s: only %d times were compared", name, checked)
		}
	}
}

// changes are the times at which the clocks are set, and some at which they are
// not.
func changes(loc *time.Location, first, last int) (out []time.Time) {
	at := time.Date(first, 1, 1, 0, 0, 0, 0, loc)
	out = append(out, at, time.Date(first+1, 6, 15, 9, 0, 0, 0, loc))
	for {
		_, end := at.ZoneBounds()
		if end.IsZero() || end.Year() > last {
			return out
		}
		out, at = append(out, end), end
	}
}

// TestErrors: they point at the place, and say what to write.
func TestErrors(t *testing.T) {
	for text, want := range map[string]struct {
		at   int
		says string
	}{
		"":                        {0, "it has 0 fields, and five are needed"},
		"0 2 * *":                 {0, "it has 4 fields"},
		"0 0 2 * * *":             {0, "seconds are none of them"},
		"60 2 * * *":              {0, `minute, character 1, "60": it is a number from 0 to 59`},
		"0 24 * * *":              {2, `hour, character 3, "24"`},
		"  0   2  0 * *":          {9, `day of month, character 10, "0": it is a number from 1 to 31`},
		"0 2 * 13 *":              {6, `month, character 7, "13": it is a number from 1 to 12, or jan to dec`},
		"0 2 * * 8":               {8, `day of week, character 9`},
		"0 2 * * mon,tuesday":     {12, `"tuesday"`},
		"@daily 5":                {0, "are @hourly"},
		"daily":                   {0, "it has one field, and five are needed"},
		"0 2 * * fri-mon":         {8, "the range runs backwards: write fri-sat,sun-mon"},
		"0 2 * * MON-sun":         {8, "the range runs backwards: write MON-7, where 7 is Sunday"},
		"0 2 * * 1-0":             {8, "the range runs backwards: write 1-7, where 7 is Sunday"},
		"0 2 * * 6-mon":           {8, "the range runs backwards: write 6-6,sun-mon"},
		"0 2 * nov-2 *":           {6, "the range runs backwards: write nov-dec,1-2"},
		"0 22-2 * * *":            {2, "write 22-23,0-2"},
		"0/15 2 * * *":            {0, "a step needs a range: 0-59/15 or */15"},
		"*/0 2 * * *":             {2, "a step is a number from 1 to 59"},
		"*/60 2 * * *":            {2, "a step is a number from 1 to 59"},
		"0 2 31 2 *":              {4, "none of these months has such a day"},
		"0 2 30,31 feb *":         {4, "none of these months has such a day"},
		"0 2 31 4,6,9,11 *":       {4, "none of these months has such a day"},
		"0 2 L * *":               {4, `"L"`},
		"0 2 ? * *":               {4, `"?"`},
		"1,,2 2 * * *":            {2, `""`},
		"+1 2 * * *":              {0, `"+1"`},
		"@reboot":                 {0, "@reboot"},
		strings.Repeat("1", 5000): {0, "at most 1000"},
	} {
		_, err := Parse(text)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.At != want.at || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%.40q: %v, want %q at %d", text, err, want.says, want.at)
		}
	}
	for _, fine := range []string{"0 2 31 2 mon", "0\t2\t*\t*\t*", " @Daily ", "0 2 29 FEB *", "0 2 * * fri-sat,sun-mon", "0 2 * * MON-7", "0 2 * * 6-6,sun-mon", "0 2 * nov-dec,1-2 *", "*/59 */23 */31 */12 */7", "0 0 1-31/3 * *", "5-10,20 1 * * MON-FRI"} {
		if _, err := Parse(fine); err != nil {
			t.Errorf("%q: %v", fine, err)
		}
	}
}

// FuzzCron: whatever is written, it is an error that points into it, or it is due
// again and again, each time at a time that it names or at the end of a gap.
func FuzzCron(f *testing.F) {
	for _, seed := range []string{"0 2 * * *", "*/15 * * * *", "0 0 13 * fri", "0 0 29 2 *", "1,2-3/2 4 5 6 7", "@daily", "a b c d e", "0 2 * * sun-sat/2"} {
		f.Add(seed, int64(1_800_000_000))
	}
	loc, err := time.LoadLocation("Australia/Lord_Howe")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		e, err := Parse(text)
		if err != nil {
			if at := err.(*Error).At; at < 0 || at > len(text) {
				t.Fatalf("%q: the place is %d", text, at)
			}
			return
		}
		if _, err := Parse(e.String()); err != nil {
			t.Fatalf("%q was read, and %q is not: %v", text, e, err)
		}
		at := time.Unix(unix%4_000_000_000, 0)
		for range 3 {
			due := e.Next(at, loc)
			if !due.After(at) {
				t.Fatalf("%q after %s is %s", text, at, due)
			}
			if !e.names(due) && !gapEndsAt(due) {
				t.Fatalf("%q names no %s", text, due)
			}
			at = due
		}
	})
}

func (e Expression) names(at time.Time) bool {
	y, m, d := at.Date()
	return e.minutes.has(at.Minute()) && e.hours.has(at.Hour()) && e.day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
}

func gapEndsAt(at time.Time) bool {
	start, _ := at.ZoneBounds()
	_, before := start.Add(-time.Second).Zone()
	_, now := start.Zone()
	return start.Equal(at) && now > before
}

func BenchmarkNext(b *testing.B) {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	for _, text := range []string{"30 2 * * *", "* * * * *", "0 0 29 2 *"} {
		b.Run(fmt.Sprint(text), func(b *testing.B) {
			e, err := Parse(text)
			if err != nil {
				b.Fatal(err)
			}
			at := time.Date(2026, 11, 26, 5, 29, 0, 0, loc)
			for b.Loop() {
				e.Next(at, loc)
			}
		})
	}
}
