package api

import (
	"encoding/json"
	"slices"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

const (
	mostScheduled = 10_000 // repositories of one schedule
	mostCheckTime = 10 * 366 * 24 * time.Hour
)

// scheduleChange gives a schedule the fields of a request.
type scheduleChange func(schedule.Schedule, []int64) (schedule.Schedule, []int64)

// readSchedule reads what is given. What is wrong is left in body; bounds are
// those of schedule.Check.
func readSchedule(body *object) scheduleChange {
	r := &scheduleReader{body: body}
	r.text("name", checkName, func(d *schedule.Schedule, v string) { d.Name = v })
	r.text("cron_expression", nil, func(d *schedule.Schedule, v string) { d.Cron = v })
	r.zone()
	r.text("ping_url", nil, func(d *schedule.Schedule, v string) { d.Ping = v })
	r.flag("enabled", func(d *schedule.Schedule, v bool) { d.Enabled = v })
	r.text("overlap", nil, func(d *schedule.Schedule, v string) { d.Overlap = schedule.Overlap(v) })
	r.number("retries", 0, schedule.MostRetries, func(d *schedule.Schedule, v int64) { d.Retries = int(v) })
	r.span("splay", 0, schedule.MostSplay, func(d *schedule.Schedule, v time.Duration) { d.Splay = v })
	r.span("catch_up", 0, schedule.MostCatchUp, func(d *schedule.Schedule, v time.Duration) { d.CatchUp = v })
	r.span("retry_delay", schedule.LeastRetryDelay, schedule.MostRetryDelay, func(d *schedule.Schedule, v time.Duration) { d.RetryDelay = v })
	r.steps()
	r.repositories()
	body.noOthers()
	return r.change
}

// scheduleReader collects what is to be changed.
type scheduleReader struct {
	body    *object
	changes []func(*schedule.Schedule)
	ids     []int64 // of the repositories; nil: as before
}

func (r *scheduleReader) change(d schedule.Schedule, at []int64) (schedule.Schedule, []int64) {
	for _, c := range r.changes {
		c(&d)
	}
	if r.ids != nil {
		at = slices.Clone(r.ids)
	}
	return d, at
}

func (r *scheduleReader) add(c func(*schedule.Schedule)) { r.changes = append(r.changes, c) }

func (r *scheduleReader) text(name string, check func(string) string, set func(*schedule.Schedule, string)) {
	v, ok := r.body.text(name)
	if !ok {
		return
	}
	if check != nil {
		if wrong := check(v); wrong != "" {
			r.body.bad.add(r.body.loc(name), "%s", wrong)
		}
	}
	r.add(func(d *schedule.Schedule) { set(d, v) })
}

// zone: null is the host's own, as it is answered.
func (r *scheduleReader) zone() {
	if raw, given := r.body.fields["timezone"]; given && string(raw) == "null" {
		r.add(func(d *schedule.Schedule) { d.Zone = "" })
	}
	r.text("timezone", nil, func(d *schedule.Schedule, v string) { d.Zone = v })
}

func (r *scheduleReader) flag(name string, set func(*schedule.Schedule, bool)) {
	if _, given := r.body.get(name); given {
		v := r.body.flag(name)
		r.add(func(d *schedule.Schedule) { set(d, v) })
	}
}

func (r *scheduleReader) number(name string, least, most int64, set func(*schedule.Schedule, int64)) {
	if v, ok := r.body.number(name, least, most); ok {
		r.add(func(d *schedule.Schedule) { set(d, v) })
	}
}

func (r *scheduleReader) span(name string, least, most time.Duration, set func(*schedule.Schedule, time.Duration)) {
	if v, ok := r.body.duration(name, least, most); ok {
		r.add(func(d *schedule.Schedule) { set(d, v) })
	}
}

// steps reads what follows. A rule for a step that is not run would be dropped
// silently, so it is refused.
func (r *scheduleReader) steps() {
	r.flag("run_prune_after", func(d *schedule.Schedule, v bool) {
		switch {
		case !v:
			d.After.Prune = nil
		case d.After.Prune == nil:
			d.After.Prune = &job.PruneSpec{}
		}
	})
	r.flag("run_compact_after", func(d *schedule.Schedule, v bool) { d.After.Compact = v })
	r.flag("run_check_after", func(d *schedule.Schedule, v bool) {
		switch {
		case !v:
			d.After.Check, d.CheckEvery = nil, 0
		case d.After.Check == nil:
			d.After.Check = &job.CheckSpec{}
		}
	})
	var names job.Keep
	for i, c := range names.Counts() {
		name := "prune_" + c.Name
		r.number(name, 0, job.MostKeep, func(d *schedule.Schedule, v int64) {
			r.keep(d, name, func(k *job.Keep) { *k.Counts()[i].N = v })
		})
	}
	const within = "prune_" + job.KeepWithin
	r.text(within, nil, func(d *schedule.Schedule, v string) {
		r.keep(d, within, func(k *job.Keep) { k.Within = v })
	})
	r.text("check_depth", nil, func(d *schedule.Schedule, v string) {
		r.check(d, func(c *job.CheckSpec) { c.Depth = job.CheckDepth(v) })
	})
	r.span("check_every", 0, schedule.MostCheckEvery, func(d *schedule.Schedule, v time.Duration) {
		if d.After.Check == nil && v != d.CheckEvery && v != 0 {
			r.misplacedCheck()
			return
		}
		d.CheckEvery = v
	})
	r.span("check_max_duration", 0, mostCheckTime, func(d *schedule.Schedule, v time.Duration) {
		r.check(d, func(c *job.CheckSpec) { c.MaxDuration = v })
	})
}

// keep changes a copy: a schedule's values are shared.
func (r *scheduleReader) keep(d *schedule.Schedule, field string, set func(*job.Keep)) {
	var k job.Keep
	if d.After.Prune != nil {
		k = d.After.Prune.Keep
	}
	before := k
	set(&k)
	if d.After.Prune == nil {
		if k != before {
			r.misplaced(field, "there is no prune that it could be for: give run_prune_after as well")
		}
		return
	}
	d.After.Prune = &job.PruneSpec{Keep: k}
}

func (r *scheduleReader) check(d *schedule.Schedule, set func(*job.CheckSpec)) {
	var c job.CheckSpec
	if d.After.Check != nil {
		c = *d.After.Check
	}
	before := c
	set(&c)
	if d.After.Check == nil {
		if c != before {
			r.misplacedCheck()
		}
		return
	}
	d.After.Check = &c
}

func (r *scheduleReader) misplacedCheck() {
	r.misplaced("run_check_after", "there is no check that check_depth, check_every or check_max_duration could be for: give run_check_after as well")
}

func (r *scheduleReader) misplaced(field, why string) {
	at := r.body.loc(field)
	if !slices.ContainsFunc(r.body.bad.fields, func(f fault.Field) bool { return f.Location == at }) {
		r.body.bad.add(at, "%s", why)
	}
}

// repositories takes repository_id or repository_ids; both must agree.
func (r *scheduleReader) repositories() {
	one, isOne := r.body.number("repository_id", 1, 1<<62)
	raw, isList := r.body.get("repository_ids")
	if isList {
		r.ids = r.list(raw)
	}
	switch {
	case isOne && isList && !slices.Equal(r.ids, []int64{one}):
		r.body.bad.add("body.repository_id", "it and repository_ids say different things: leave one of them out")
	case isOne:
		r.ids = []int64{one}
	}
}

func (r *scheduleReader) list(raw json.RawMessage) []int64 {
	var all []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &all) != nil {
		r.body.bad.add("body.repository_ids", "it must be an array of ids, not %s", nameOf(raw))
		return nil
	}
	if len(all) > mostScheduled {
		r.body.bad.add("body.repository_ids", "it has %d ids; at most %d are taken", len(all), mostScheduled)
		return nil
	}
	ids := []int64{}
	for _, one := range all {
		if id, ok := r.body.decodeNumber("body.repository_ids", one, 1, 1<<62); ok {
			ids = append(ids, id)
		}
	}
	return ids
}
