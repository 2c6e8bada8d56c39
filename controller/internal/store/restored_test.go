package store

import (
	"testing"
	"time"
)

// TestHowFarIDsMoveOn: always on, ever further the older the backup is, and
// never out of what JSON's numbers tell exactly.
func TestHowFarIDsMoveOn(t *testing.T) {
	taken := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		since time.Duration
		want  int64
	}{
		{-time.Hour, IDsAhead}, {0, IDsAhead}, {time.Second, IDsAhead + 1000}, {24 * time.Hour, IDsAhead + 86_400_000},
	} {
		if got := (Restored{TakenAt: taken, At: taken.Add(c.since)}).ahead(); got != c.want {
			t.Errorf("%s after the backup: %d, want %d", c.since, got, c.want)
		}
	}
	if got := (Restored{At: taken}).ahead(); got <= IDsAhead || got > 1<<53/1000 {
		t.Errorf("of a backup without a time: %d", got)
	}
}
