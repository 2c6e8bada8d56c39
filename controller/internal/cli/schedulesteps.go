package cli

import (
	"cmp"
	"fmt"
	"strings"

	"borgfleet/controller/internal/api/rest"
)

func stepsOf(s rest.Schedule) (steps []string) {
	for _, step := range []struct {
		name string
		on   bool
	}{{"prune", s.RunPruneAfter}, {"compact", s.RunCompactAfter}, {"check", s.RunCheckAfter}} {
		if step.on {
			steps = append(steps, step.name)
		}
	}
	return steps
}

func thenOf(s rest.Schedule) string {
	steps := stepsOf(s)
	for i, step := range steps {
		switch step {
		case "prune":
			steps[i] += " (" + cmp.Or(keepOf(s), "by the repository's retention") + ")"
		case "check":
			var how []string
			if s.CheckDepth != nil {
				how = append(how, *s.CheckDepth)
			}
			if s.CheckMaxDuration > 0 {
				how = append(how, "at most "+spanOf(s.CheckMaxDuration))
			}
			if s.CheckEvery > 0 {
				how = append(how, "every "+spanOf(s.CheckEvery))
			}
			if len(how) > 0 {
				steps[i] += " (" + strings.Join(how, ", ") + ")"
			}
		}
	}
	return strings.Join(steps, ", ")
}

func keepOf(s rest.Schedule) string {
	var rules []string
	for _, r := range []struct {
		name string
		n    int64
	}{{"hourly", s.KeepHourly}, {"daily", s.KeepDaily}, {"weekly", s.KeepWeekly}, {"monthly", s.KeepMonthly}, {"quarterly", s.KeepQuarterly}, {"yearly", s.KeepYearly}} {
		if r.n > 0 {
			rules = append(rules, fmt.Sprintf("keep %d %s", r.n, r.name))
		}
	}
	if s.KeepWithin != nil {
		rules = append(rules, "all within "+*s.KeepWithin)
	}
	return strings.Join(rules, ", ")
}
