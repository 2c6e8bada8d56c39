package schedule

import (
	"testing"
	"time"
)

// TestAWeeklyCheck comes a week later by the clock on the wall, also where that is
// an hour less.
func TestAWeeklyCheck(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s := Schedule{CheckEvery: 7 * 24 * time.Hour}
	last := time.Date(2026, 3, 25, 2, 30, 0, 0, berlin) // clocks are set on the 29th
	for day, want := range map[int]bool{26: true, 31: true, 32: false, 39: false} {
		now := time.Date(2026, 3, day, 2, 30, 0, 0, berlin)
		if lately := last.After(s.CheckedSince(now)); lately != want {
			t.Errorf("on March %d it was checked lately: %v", day, lately)
		}
	}
}
