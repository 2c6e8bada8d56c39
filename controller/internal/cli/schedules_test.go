package cli

import "testing"

func TestSpanOf(t *testing.T) {
	for seconds, want := range map[int64]string{
		0: "", 5: "5s", 60: "1m", 90: "1m30s", 600: "10m", 1800: "30m", 3600: "1h", 3660: "1h1m", 36000: "10h", 5400: "1h30m", 3605: "1h0m5s", 86400: "1d", 604800: "7d", 90000: "25h",
	} {
		if got := spanOf(seconds); got != want {
			t.Errorf("%d seconds: %q, want %q", seconds, got, want)
		}
	}
}
