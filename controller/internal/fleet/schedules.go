package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

// ScheduleRequest makes or changes a schedule.
type ScheduleRequest struct {
	ID         int64 // of the one that is changed
	Definition schedule.Schedule
	// Repositories are ids.
	Repositories []int64
	By           string
}

// mostSchedules bounds what a repository's definition carries.
const mostSchedules = 100

// CreateSchedule makes a schedule. Its hosts hear of it at once, or when they come
// back, and fire it themselves.
func (s *Service) CreateSchedule(ctx context.Context, r ScheduleRequest) (ScheduleView, error) {
	var made store.Schedule
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		now := s.now().UTC()
		made = store.Schedule{Schedule: r.Definition, CreatedAt: now, Since: now, By: r.By}
		made.ID, made.Key = tx.NewScheduleID(), schedule.NewKey()
		return s.putSchedule(tx, made, r.Repositories)
	})
	if err != nil {
		return ScheduleView{}, err
	}
	return s.Schedule(ctx, made.ID)
}

// ChangeSchedule gives a schedule other values; change may be called more than
// once. What it would have been due for before is not missed.
func (s *Service) ChangeSchedule(ctx context.Context, id int64, change func(schedule.Schedule, []int64) (schedule.Schedule, []int64)) (ScheduleView, error) {
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		before, ok := tx.Schedule(id)
		if !ok {
			return noSuchSchedule(id)
		}
		next := before
		var repositories []int64
		next.Schedule, repositories = change(before.Schedule, slices.Clone(before.Repositories))
		next.ID, next.Key = before.ID, before.Key
		if next.Cron != before.Cron || next.Zone != before.Zone || next.Enabled != before.Enabled {
			next.Since = s.now().UTC()
		}
		return s.putSchedule(tx, next, repositories)
	})
	if err != nil {
		return ScheduleView{}, err
	}
	return s.Schedule(ctx, id)
}

// putSchedule checks a schedule against what is registered, stores it, and tells
// the hosts of all repositories that it had or has.
func (s *Service) putSchedule(tx *store.Tx, next store.Schedule, repositories []int64) error {
	next.Repositories = slices.Compact(slices.Sorted(slices.Values(repositories)))
	if err := s.checkSchedule(tx, next); err != nil {
		return err
	}
	before, _ := tx.Schedule(next.ID)
	next.Added = s.addedTo(before, next.Repositories)
	tx.About(scheduleName(next.ID), aboutSchedule(next))
	s.tellHosts(tx, append(slices.Clone(before.Repositories), next.Repositories...))
	return tx.PutSchedule(next)
}

// addedTo says when each repository came to a schedule: what was due before is
// nothing that it has missed.
func (s *Service) addedTo(before store.Schedule, repositories []int64) map[int64]time.Time {
	added := map[int64]time.Time{}
	for _, id := range repositories {
		at, known := before.Added[id]
		switch {
		case known:
			added[id] = at
		case before.ID != 0 && !slices.Contains(before.Repositories, id):
			added[id] = s.now().UTC()
		}
	}
	return added
}

func (s *Service) checkSchedule(tx *store.Tx, next store.Schedule) error {
	if len(next.Repositories) == 0 {
		return fault.InvalidField("body.repository_ids", "name at least one repository")
	}
	if err := next.Schedule.Check(); err != nil {
		return badSchedule(err)
	}
	all := tx.Schedules()
	for _, other := range all {
		if other.ID != next.ID && other.Name == next.Name {
			return fault.New(fault.Conflict, "schedule_name_taken", "schedule %d has the name %q already; choose another one", other.ID, next.Name)
		}
	}
	prune := next.After.Prune
	for _, id := range next.Repositories {
		repo, ok := tx.Repository(id)
		if !ok {
			return fault.InvalidField("body.repository_ids", "no repository %d is registered", id)
		}
		if prune != nil {
			if err := refuseWide(repo); err != nil {
				return err
			}
		}
		if prune != nil && prune.Keep == (job.Keep{}) && repo.Retention == (job.Keep{}) {
			return fault.InvalidField("body.run_prune_after", "%q has no retention, so nothing says what to keep: give prune_keep_…, or set the repository's retention", repo.Name)
		}
		others := 0
		for _, other := range all {
			if _, has := slices.BinarySearch(other.Repositories, id); has && other.ID != next.ID {
				others++
			}
		}
		if others >= mostSchedules {
			return fault.New(fault.Conflict, "too_many_schedules", "repository %q has %d schedules already, and that is the most", repo.Name, others)
		}
	}
	return nil
}

// badSchedule is a fault of the request, wherever it is found: two changes at once
// may each be good, and not together.
func badSchedule(err error) error {
	var p *schedule.Problem
	if errors.As(err, &p) {
		return fault.InvalidField("body."+p.Field, "%s", p.Why)
	}
	return err
}

// tellHosts has the definitions of these repositories sent again.
func (s *Service) tellHosts(tx *store.Tx, repositories []int64) {
	for _, id := range repositories {
		if repo, ok := tx.Repository(id); ok {
			tx.OnCommit(func() { s.repositoryChanged(repo.Agent, id) })
		}
	}
}

// DeleteSchedule removes a schedule. The jobs that it made stay, also those that
// wait.
func (s *Service) DeleteSchedule(ctx context.Context, id int64) error {
	return s.store.Update(ctx, func(tx *store.Tx) error {
		before, ok := tx.Schedule(id)
		if !ok {
			return noSuchSchedule(id)
		}
		tx.About(scheduleName(id), aboutSchedule(before))
		s.tellHosts(tx, before.Repositories)
		return tx.DeleteSchedule(id)
	})
}

// leaveSchedules takes a repository out of all schedules: it is deleted. One that
// has no other stays, and fires nothing.
func leaveSchedules(tx *store.Tx, repository int64) error {
	for _, one := range tx.Schedules() {
		if _, has := slices.BinarySearch(one.Repositories, repository); has {
			if err := leaveSchedule(tx, one, repository); err != nil {
				return err
			}
		}
	}
	return nil
}

func noSuchSchedule(id int64) error {
	return fault.New(fault.NotFound, "schedule_not_found", "there is no schedule %d", id)
}

func scheduleName(id int64) string { return fmt.Sprintf("schedule %d", id) }

// aboutSchedule is a schedule in the words of the audit log.
func aboutSchedule(s store.Schedule) string {
	what := []string{clip(s.Name), s.Cron}
	if s.Zone != "" {
		what = append(what, s.Zone)
	}
	if !s.Enabled {
		what = append(what, "paused")
	}
	for _, kind := range s.After.Steps() {
		what = append(what, "then "+string(kind))
	}
	if p := s.After.Prune; p != nil && p.Keep != (job.Keep{}) {
		what = append(what, p.Keep.String())
	}
	return fmt.Sprintf("%s; repositories %s", strings.Join(what, ", "), strings.Trim(fmt.Sprint(s.Repositories), "[]"))
}

// begun notes that a repository is set up: from now on it is due.
func (s *Service) begun(tx *store.Tx, repository int64) error {
	for _, one := range tx.Schedules() {
		if _, has := slices.BinarySearch(one.Repositories, repository); !has {
			continue
		}
		added := maps.Clone(one.Added)
		if added == nil {
			added = map[int64]time.Time{}
		}
		added[repository] = s.now().UTC()
		one.Added = added
		if err := tx.PutSchedule(one); err != nil {
			return err
		}
	}
	return nil
}
