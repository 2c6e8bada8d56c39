package rest

import (
	"encoding/json"
	"fmt"
	"time"
)

// Time is a moment as the API writes it: RFC 3339, UTC, whole seconds.
type Time struct{ time.Time }

// At makes a Time; the zero time is null.
func At(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	return &Time{t.UTC().Truncate(time.Second)}
}

// MarshalJSON replaces time.Time's, which writes fractions when there are some
// and fails for years that only a broken clock gives.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.append(make([]byte, 0, len(`"2006-01-02T15:04:05Z"`))), nil
}

// UnmarshalJSON takes any RFC 3339 time.
func (t *Time) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("read time: %w", err)
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return fmt.Errorf("read time: %w", err)
	}
	t.Time = at.UTC()
	return nil
}

// append writes without what time.Time checks: a broken clock must not take an
// answer with it.
func (t Time) append(b []byte) []byte {
	b = append(b, '"')
	b = t.UTC().Truncate(time.Second).AppendFormat(b, time.RFC3339)
	return append(b, '"')
}
