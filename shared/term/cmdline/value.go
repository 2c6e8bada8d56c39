package cmdline

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Span reads a duration such as 90s, 26h, 7d or 2w.
func Span(s string) (time.Duration, error) {
	bad := func() (time.Duration, error) {
		return 0, fmt.Errorf("%q is not a span of time such as 90s, 45m, 26h, 7d or 2w", s)
	}
	day := time.Duration(0)
	if strings.HasSuffix(s, "d") {
		day = 24 * time.Hour
	} else if strings.HasSuffix(s, "w") {
		day = 7 * 24 * time.Hour
	}
	if day > 0 {
		n, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
		if err != nil {
			return bad()
		}
		return time.Duration(n) * day, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return bad()
	}
	return d, nil
}

// Size reads an amount of bytes such as 500MB, 20GB or 1.5TB. The units are those
// that term.Size writes.
func Size(s string) (int64, error) {
	bad := func() (int64, error) { return 0, fmt.Errorf("%q is not a size such as 500MB, 20GB or 1.5TB", s) }
	number, unit := strings.ToLower(s), 1.0
	for i, name := range []string{"kb", "mb", "gb", "tb"} {
		if rest, has := strings.CutSuffix(number, name); has {
			number, unit = rest, math.Pow(1000, float64(i+1))
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(n >= 0 && n*unit <= 1<<53) {
		return bad()
	}
	return int64(n * unit), nil
}

// Moment reads a point in time: RFC 3339, a date or a date and time of this
// host, or a span that ends now. Empty is the zero time.
func Moment(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	if d, err := Span(s); err == nil {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time: write 2024-03-01, 2024-03-01T10:00:00Z, or how long ago it was, as 26h or 7d", s)
}

// Labels reads k=v words.
func Labels(words []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, w := range words {
		k, v, ok := strings.Cut(w, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("%q is not a label: write key=value", w)
		}
		if _, twice := labels[k]; twice {
			return nil, fmt.Errorf("the label %q is given twice", k)
		}
		labels[k] = v
	}
	return labels, nil
}
