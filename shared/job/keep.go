package job

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Keep is a rule of borg's for what a prune keeps: of the newest hours, days and
// so on that have an archive the last archive each, and all that are younger
// than Within. 0 and "" keep nothing by that measure.
type Keep struct {
	Hourly    int64
	Daily     int64
	Weekly    int64
	Monthly   int64
	Quarterly int64
	Yearly    int64
	Within    string // a number and one of H, d, w, m, y
}

// KeepCount is one of the counts of a Keep, under the name that REST, agent.yaml
// and the command lines have for it.
type KeepCount struct {
	Name string
	N    *int64
}

// KeepWithin is the name of Within.
const KeepWithin = "keep_within"

// Counts are all but Within, from the shortest span to the longest.
func (k *Keep) Counts() []KeepCount {
	return []KeepCount{
		{"keep_hourly", &k.Hourly}, {"keep_daily", &k.Daily}, {"keep_weekly", &k.Weekly},
		{"keep_monthly", &k.Monthly}, {"keep_quarterly", &k.Quarterly}, {"keep_yearly", &k.Yearly},
	}
}

// MostKeep bounds each count: more archives than borg 1.x could handle.
const MostKeep = 100_000

// mostWithin is 1000 years in hours: borg subtracts it from now.
const mostWithin = 1000 * 365 * 24

var (
	errKeepsNothing = errors.New("no rule says what to keep, so everything would go: give at least one keep_… above 0, or keep_within")
	errWithin       = errors.New("it must be a number and one of H, d, w, m, y, such as 48H or 30d, above 0 and below 1000y")
)

// Check says what is wrong with a rule. One that keeps nothing is never meant.
func (k Keep) Check() error {
	some := k.Within != ""
	for _, c := range k.Counts() {
		if *c.N < 0 || *c.N > MostKeep {
			return fmt.Errorf("%s must be between 0 and %d", c.Name, MostKeep)
		}
		some = some || *c.N > 0
	}
	if !some {
		return errKeepsNothing
	}
	if k.Within == "" {
		return nil
	}
	if err := CheckWithin(k.Within); err != nil {
		return fmt.Errorf("%s: %w", KeepWithin, err)
	}
	return nil
}

// CheckWithin says what is wrong with a span.
func CheckWithin(span string) error {
	if hoursOf(span) == 0 {
		return errWithin
	}
	return nil
}

// hoursOf is a span as borg counts it; 0: it is none.
func hoursOf(span string) int64 {
	if len(span) < 2 || len(span) > 10 || strings.Trim(span[:len(span)-1], "0123456789") != "" {
		return 0
	}
	n, err := strconv.ParseInt(span[:len(span)-1], 10, 64)
	unit := map[byte]int64{'H': 1, 'd': 24, 'w': 7 * 24, 'm': 31 * 24, 'y': 365 * 24}[span[len(span)-1]]
	if err != nil || unit == 0 || n*unit > mostWithin {
		return 0
	}
	return n * unit
}

// Below names what of a floor the rule falls short of; empty: nothing. Each
// measure counts by itself: whether thirty days are more than four weeks depends
// on when there were backups.
func (k Keep) Below(floor Keep) string {
	asked, least := k.Counts(), floor.Counts()
	for i, c := range asked {
		if *c.N < *least[i].N {
			return fmt.Sprintf("%s %d is less than %d", c.Name, *c.N, *least[i].N)
		}
	}
	if hoursOf(k.Within) < hoursOf(floor.Within) {
		if k.Within == "" {
			return fmt.Sprintf("%s is missing, and must be %s or more", KeepWithin, floor.Within)
		}
		return fmt.Sprintf("%s %s is less than %s", KeepWithin, k.Within, floor.Within)
	}
	return ""
}

// String is the rule for a log.
func (k Keep) String() string {
	var parts []string
	for _, c := range k.Counts() {
		if *c.N > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", c.Name, *c.N))
		}
	}
	if k.Within != "" {
		parts = append(parts, KeepWithin+" "+k.Within)
	}
	return strings.Join(parts, ", ")
}
