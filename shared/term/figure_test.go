package term

import (
	"math"
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	for in, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 1_234_567: "1.2 MB", 999_949: "999.9 kB", 999_950: "1.0 MB",
		2_500_000_000: "2.5 GB", math.MaxInt64: "9.2 EB", -5: "-5 B", math.MinInt64: "-0 B",
	} {
		if got := Size(in); got != want {
			t.Errorf("Size(%d) = %q, want %q", in, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for in, want := range map[int64]string{0: "0", 999: "999", 1000: "1 000", 1234567: "1 234 567", -1234: "-1 234"} {
		if got := Count(in); got != want {
			t.Errorf("Count(%d) = %q, want %q", in, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[time.Duration]string{
		0: "0.0s", 1990 * time.Millisecond: "1.9s", 59 * time.Second: "59s", time.Minute + time.Second: "1m 01s",
		26*time.Hour + 5*time.Minute: "1d 02h", 3*time.Hour + 4*time.Minute: "3h 04m", -time.Minute: "-1m 00s", math.MinInt64: "-0.0s",
	} {
		if got := Duration(in); got != want {
			t.Errorf("Duration(%v) = %q, want %q", in, got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]string{
		{}: "never", now: "now", now.Add(2 * time.Second): "now", now.Add(-90 * time.Second): "1m 30s ago", now.Add(time.Hour): "in 1h 00m",
	} {
		if got := Ago(at, now); got != want {
			t.Errorf("Ago(%v) = %q, want %q", at, got, want)
		}
	}
}
