package term

import (
	"fmt"
	"math"
	"time"
)

// Size writes bytes with decimal units, as disks and the REST API count.
func Size(n int64) string {
	if n < 0 {
		return "-" + Size(max(-n, 0))
	}
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), 0
	for v >= 999.95 && unit < len("kMGTPE") {
		v /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", v, "kMGTPE"[unit-1])
}

// Count writes a number with its digits in groups.
func Count(n int64) string {
	if n < 0 {
		return "-" + Count(max(-n, 0))
	}
	s := fmt.Sprintf("%d", n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// Duration writes a span with its two largest units: more is noise.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(max(-d, 0))
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", math.Floor(d.Seconds()*10)/10)
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd %02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// Ago writes how long ago t was. A clock that is a little ahead elsewhere is
// no news.
func Ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "never"
	case d < -time.Minute:
		return "in " + Duration(-d)
	case d < time.Second:
		return "now"
	default:
		return Duration(d.Truncate(time.Second)) + " ago"
	}
}

// Time writes a moment in the zone of whoever looks; the zero time is a dash.
func Time(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
