package plan

import (
	"cmp"
	"fmt"
	"time"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
	"borgfleet/shared/schedule"
)

func (p *Plan) schedules(f definitions.File, fleet Fleet, find finder) error {
	for _, s := range f.Schedules {
		uses, err := find.uses(s.Repositories)
		if err != nil {
			return fmt.Errorf("schedule %s: %w", s.Name, err)
		}
		if len(uses) == 0 {
			_, there := fleet.schedules[s.Name]
			p.Idle = append(p.Idle, Idle{Subject{"schedule", s.Name}, there})
			continue
		}
		p.Changes = append(p.Changes, scheduled(s, uses, fleet))
	}
	p.unscheduled(fleet)
	return nil
}

// scheduled says what is to be done about a schedule.
func scheduled(s definitions.Schedule, uses []Use, fleet Fleet) Change {
	c := Change{What: "schedule", Name: s.Name, Action: Create, Uses: uses, Secrets: s.Secrets()}
	want := wantedSchedule(s)
	have, there := fleet.schedules[s.Name]
	if !there {
		c.Fields = client.Fields{}
		for field, v := range want {
			if v != nil && plain(v) != nil {
				c.Fields[field] = v
			}
		}
		if s.CatchUp != nil {
			c.Fields["catch_up"] = want["catch_up"] // 0 is never, and no default
		}
		return c
	}
	c.ID, c.Action, c.Fields = number(have["id"]), Unchanged, client.Fields{}
	c.Differences = differences(have, want)
	for _, d := range c.Differences {
		c.Fields[d.Field] = want[d.Field]
	}
	if d, other := fleet.otherUses(items(have["repository_ids"]), uses); other {
		c.Differences = append(c.Differences, d)
	} else {
		c.Uses = nil // they stay
	}
	given := map[string]bool{"ping_url": have["ping_target"] != nil}
	c.secrets(s.Secrets(), given, fleet)
	return c
}

// wantedSchedule are the fields that a schedule is to have, but its repositories.
// One that was paused stays so, unless the file says whether it runs.
func wantedSchedule(s definitions.Schedule) client.Fields {
	f := client.Fields{
		"name":               s.Name,
		"cron_expression":    s.CronExpression,
		"timezone":           nil,
		"run_prune_after":    s.RunPruneAfter,
		"run_compact_after":  s.RunCompactAfter,
		"run_check_after":    s.RunCheckAfter,
		"prune_keep_within":  s.PruneKeepWithin,
		"check_depth":        s.CheckDepth,
		"check_max_duration": int64(s.CheckMaxDuration),
		"check_every":        int64(s.CheckEvery),
		"splay":              int64(s.Splay),
		"catch_up":           int64(schedule.DefaultCatchUp / time.Second),
		"overlap":            cmp.Or(s.Overlap, string(schedule.OverlapSkip)),
		"retries":            s.Retries,
		"retry_delay":        int64(schedule.DefaultRetryDelay / time.Second),
	}
	keep := s.Keep()
	for _, c := range keep.Counts() {
		f["prune_"+c.Name] = *c.N
	}
	if s.Timezone != "" {
		f["timezone"] = s.Timezone
	}
	if s.CatchUp != nil {
		f["catch_up"] = int64(*s.CatchUp)
	}
	if s.RetryDelay != nil {
		f["retry_delay"] = int64(*s.RetryDelay)
	}
	if s.Enabled != nil {
		f["enabled"] = *s.Enabled
	}
	return f
}
