package main

import (
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

// timetable fires a host's schedules, as its agent does.
type timetable struct {
	entries []*entry
	due     time.Time // when the next is due; zero: never
	told    bool
}

// entry is a schedule for one repository.
type entry struct {
	repository *fleetv1.Repository
	of         schedule.Schedule
	times      schedule.Times
	next       schedule.Fire
}

// newTimetable makes one of what the controller has defined. What a schedule that
// was known before fires next stays. One that is new fires for the minute that it
// came in, too, so that a short run plays some.
func newTimetable(before *timetable, defined map[int64]*fleetv1.Repository, now time.Time) *timetable {
	t := &timetable{}
	for _, id := range slices.Sorted(maps.Keys(defined)) {
		for _, p := range defined[id].Schedules {
			of, err := wire.CheckedSchedule(p)
			if err != nil || !of.Enabled {
				continue
			}
			times, err := of.TimesFor(id, time.UTC)
			if err != nil {
				continue
			}
			r := &entry{repository: defined[id], of: of, times: times}
			if old := before.find(of.Key, id); old != nil && old.of.Cron == of.Cron {
				r.next = old.next
			} else {
				r.next = times.Next(now.Truncate(time.Minute).Add(-time.Nanosecond))
			}
			t.entries = append(t.entries, r)
		}
	}
	t.look()
	return t
}

func (t *timetable) find(key schedule.Key, repository int64) *entry {
	if t == nil {
		return nil
	}
	for _, r := range t.entries {
		if r.of.Key == key && r.repository.Id == repository {
			return r
		}
	}
	return nil
}

func (t *timetable) look() {
	t.due = time.Time{}
	for _, r := range t.entries {
		t.due = earlier(t.due, r.next.Due)
	}
}

// fire gives the jobs that are due. What was due while nobody looked is made up
// for once.
func (t *timetable) fire(now time.Time) map[job.Key]*fleetv1.JobSpec {
	if t.due.IsZero() || now.Before(t.due) {
		return nil
	}
	out := map[job.Key]*fleetv1.JobSpec{}
	for _, r := range t.entries {
		var last schedule.Fire
		for !r.next.IsZero() && !now.Before(r.next.Due) {
			last, r.next = r.next, r.times.Next(r.next.Due)
		}
		if last.IsZero() {
			continue
		}
		spec := backupSpec(r.repository, job.BySchedule, last.Time)
		spec.ScheduleId, spec.FireTime = r.of.ID, timestamppb.New(last.Time)
		out[r.of.JobKey(r.repository.Id, last.Time, 0)] = spec
	}
	t.told = false
	t.look()
	return out
}

// news is how the schedules stand, if that was not said yet.
func (t *timetable) news() *fleetv1.ScheduleStates {
	if t.told || len(t.entries) == 0 {
		return nil
	}
	t.told = true
	var states []schedule.State
	for _, r := range t.entries {
		states = append(states, schedule.State{Schedule: r.of.ID, Repository: r.repository.Id, Cron: r.of.Cron, Next: r.next.Due})
	}
	return wire.FromScheduleStates(states, "UTC")
}
