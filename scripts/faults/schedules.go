package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

// timed is a schedule as the fleet has it, and where.
type timed struct {
	schedule.Schedule
	on []string // repositories
}

// schedules are what each fleet has besides what people ask for: their fire times
// come when clocks are stepped, and once in a while by themselves. All of them go
// by UTC, so that what was due can be counted here.
func schedules() []timed {
	return []timed{{
		Schedule: schedule.Schedule{
			ID: 1, Name: "hourly", Cron: "0 * * * *", Zone: "UTC", CatchUp: schedule.DefaultCatchUp, Overlap: schedule.OverlapQueue,
			Retries: 2, RetryDelay: schedule.LeastRetryDelay,
		},
		on: []string{"many"},
	}, {
		Schedule: schedule.Schedule{
			ID: 2, Name: "checked", Cron: "30 * * * *", Zone: "UTC", CatchUp: schedule.DefaultCatchUp, Overlap: schedule.OverlapSkip,
			Retries: 1, RetryDelay: schedule.LeastRetryDelay, Splay: 20 * time.Minute,
			After: job.After{Check: &job.CheckSpec{Depth: job.CheckRepository}},
		},
		on: []string{"shared-a", "shared-b"},
	}, {
		// Mostly missed: a step seldom ends in the hour after it is due.
		Schedule: schedule.Schedule{
			ID: 3, Name: "daily", Cron: "15 3 * * *", Zone: "UTC", CatchUp: time.Hour, Overlap: schedule.OverlapSkip,
			RetryDelay: schedule.LeastRetryDelay,
		},
		on: []string{"many", "shared-b"},
	}}
}

// movedCron is what the hourly schedule goes by after it was edited, and before
// it was edited again.
const movedCron = "10 * * * *"

// makeSchedules posts them. They get the ids that they are known by here.
func (t *trial) makeSchedules() error {
	for _, s := range schedules() {
		var ids []int64
		for _, name := range s.on {
			ids = append(ids, t.ids[name])
		}
		body := map[string]any{
			"name": s.Name, "cron_expression": s.Cron, "timezone": s.Zone, "repository_ids": ids, "overlap": s.Overlap,
			"catch_up": s.CatchUp / time.Second, "splay": s.Splay / time.Second, "retries": s.Retries, "retry_delay": s.RetryDelay / time.Second,
		}
		if c := s.After.Check; c != nil {
			body["run_check_after"], body["check_depth"] = true, c.Depth
		}
		var out struct{ ID int64 }
		if err := t.env.API.Post("/api/schedule", body, &out); err != nil {
			return fmt.Errorf("schedule %s: %w", s.Name, err)
		}
		if out.ID != s.ID {
			return fmt.Errorf("schedule %s is %d, and not %d", s.Name, out.ID, s.ID)
		}
	}
	return t.heardSchedules("run", func(s shownSchedule) bool { return !s.Paused && s.Next != nil })
}

// pauseSchedules stops or resumes all of them and waits until the hosts know.
func (t *trial) pauseSchedules(paused bool) error {
	for _, s := range schedules() {
		if err := t.changeSchedule(s.ID, map[string]any{"enabled": !paused}); err != nil {
			return err
		}
	}
	if paused {
		return t.heardSchedules("are paused", func(s shownSchedule) bool { return s.Paused })
	}
	return t.heardSchedules("run again", func(s shownSchedule) bool { return !s.Paused && s.Next != nil })
}

func (t *trial) changeSchedule(id int64, change map[string]any) error {
	return t.env.Await(fmt.Sprintf("schedule %d is changed", id), func() (bool, error) {
		err := t.env.API.Do("PUT", fmt.Sprintf("/api/schedule/%d", id), change, nil)
		return err == nil, err
	})
}

// rest remembers what the hosts do, and then lets them make nothing more.
func (t *trial) rest() error {
	for _, h := range hosts() {
		if err := t.env.AwaitOnline(h); err != nil {
			return err
		}
	}
	if err := t.remember(); err != nil {
		return err
	}
	return t.pauseSchedules(true)
}

// notHeard says what a schedule has made on a host of which the host has not heard
// that the controller knows it.
func (t *trial) notHeard() error {
	all, err := t.makings()
	for _, m := range all {
		if m.id == 0 {
			return fmt.Errorf("%s on %s has no id yet, made for %s", m.key, m.host, m.fire())
		}
	}
	return err
}

// shownSchedule is a schedule as a host shows it.
type shownSchedule struct {
	ID     int64
	Paused bool
	Cron   string     `json:"cron_expression"`
	Next   *time.Time `json:"next_run"`
}

// heardSchedules waits until each host says of all its schedules that they are so.
func (t *trial) heardSchedules(what string, so func(shownSchedule) bool) error {
	for _, h := range hosts() {
		err := t.env.Await("the schedules of "+h+" "+what, func() (bool, error) {
			out, err := t.env.Hosts[h].CLI("schedules", "-o", "json")
			if err != nil {
				return false, fmt.Errorf("%w: %s", err, out)
			}
			var list struct{ Schedules []shownSchedule }
			if err := json.Unmarshal([]byte(out), &list); err != nil {
				return false, err
			}
			if n := scheduledOn(h); len(list.Schedules) != n {
				return false, fmt.Errorf("%d schedules of %d are there", len(list.Schedules), n)
			}
			return !slices.ContainsFunc(list.Schedules, func(s shownSchedule) bool { return !so(s) }), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// scheduledOn counts the pairs of a schedule and a repository on a host.
func scheduledOn(host string) (n int) {
	for _, s := range schedules() {
		for _, name := range s.on {
			if repoNamed(name).host == host {
				n++
			}
		}
	}
	return n
}
