package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
	"borgfleet/shared/schedule"
)

// usesOf are the repositories that a schedule names: those that an entry of the
// file makes, or those that the fleet has under a name.
func usesOf(s definitions.Schedule, f definitions.File, on []definitions.On, made []Change, fleet Fleet) ([]Use, error) {
	var out []Use
	add := func(u Use) {
		if !slices.ContainsFunc(out, func(v Use) bool { return v.Agent == u.Agent && v.Path == u.Path }) {
			out = append(out, u)
		}
	}
	for _, name := range s.Repositories {
		entry := slices.IndexFunc(f.Repositories, func(r definitions.Repository) bool { return r.Name == name })
		if entry < 0 {
			found := inFleet(name, fleet)
			if len(found) == 0 {
				return nil, fmt.Errorf("neither the file nor the fleet has a repository %s", name)
			}
			for _, u := range found {
				add(u)
			}
			continue
		}
		for i, o := range on {
			if o.Entry == entry {
				add(Use{ID: made[i].ID, Agent: o.Agent.ID, Path: o.Path, Name: o.Repository.Name + " on " + o.Agent.Name})
			}
		}
	}
	return out, nil
}

// inFleet finds registered repositories by name, with {agent} in it for their host.
func inFleet(name string, fleet Fleet) []Use {
	var out []Use
	for _, r := range fleet.Repositories {
		if r["status"] == "failed" || word(r["name"]) != strings.ReplaceAll(name, "{agent}", word(r["agent"])) {
			continue
		}
		out = append(out, Use{ID: number(r["id"]), Agent: word(r["agent_id"]), Path: word(r["path"]), Name: word(r["name"]) + " on " + word(r["agent"])})
	}
	return out
}

// scheduled says what is to be done about a schedule.
func scheduled(s definitions.Schedule, uses []Use, fleet Fleet) Change {
	c := Change{What: "schedule", Name: s.Name, Action: Create, Uses: uses}
	want := wantedSchedule(s)
	at := slices.IndexFunc(fleet.Schedules, func(f client.Fields) bool { return f["name"] == s.Name })
	if at < 0 {
		c.Fields = client.Fields{}
		for field, v := range want {
			if v != nil && plain(v) != nil {
				c.Fields[field] = v
			}
		}
		return c
	}
	have := fleet.Schedules[at]
	c.ID, c.Action, c.Fields = number(have["id"]), Unchanged, client.Fields{}
	c.Differences = differences(have, want)
	for _, d := range c.Differences {
		c.Fields[d.Field] = want[d.Field]
	}
	if d, other := otherUses(have, uses, fleet); other {
		c.Differences = append(c.Differences, d)
	} else {
		c.Uses = nil // they stay
	}
	if len(c.Differences) > 0 {
		c.Action = Update
	}
	return c
}

// otherUses compares a schedule's repositories, by names that people know.
func otherUses(have client.Fields, uses []Use, fleet Fleet) (Difference, bool) {
	names := map[int64]string{}
	for _, r := range fleet.Repositories {
		names[number(r["id"])] = word(r["name"]) + " on " + word(r["agent"])
	}
	var before, after []any
	ids := map[int64]bool{}
	for _, id := range items(have["repository_ids"]) {
		ids[number(id)] = true
		before = append(before, cmp.Or(names[number(id)], fmt.Sprint("id ", number(id))))
	}
	same := len(ids) == len(uses)
	for _, u := range uses {
		same = same && u.ID != 0 && ids[u.ID]
		after = append(after, u.Name)
	}
	return Difference{"repositories", before, after}, !same
}

func items(v any) []any {
	all, _ := v.([]any)
	return all
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

// Resolve puts the ids of a schedule's repositories into what is sent; made are
// those that were registered meanwhile.
func (c *Change) Resolve(made func(Use) int64) error {
	if c.Uses == nil {
		return nil
	}
	ids := []int64{}
	for _, u := range c.Uses {
		id := u.ID
		if id == 0 {
			id = made(u)
		}
		if id == 0 {
			return fmt.Errorf("%s was not registered", u.Name)
		}
		ids = append(ids, id)
	}
	c.Fields["repository_ids"] = ids
	return nil
}
