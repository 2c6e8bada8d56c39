package doctor

import (
	"strconv"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func since(t *rest.Time, now time.Time) time.Duration {
	if t == nil {
		return 0
	}
	return now.Sub(t.Time)
}

func moment(t *rest.Time) string {
	if t == nil {
		return "-"
	}
	return term.Time(t.Time)
}

func plainID(id int64) string { return strconv.FormatInt(id, 10) }

func allKinds() []string {
	var out []string
	for _, k := range job.Kinds() {
		out = append(out, string(k))
	}
	return out
}
