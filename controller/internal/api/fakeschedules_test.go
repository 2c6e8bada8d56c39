package api_test

import (
	"context"
	"slices"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

// fakeSchedules are those of a fakeFleet.
type fakeSchedules struct {
	all []fleet.ScheduleView
	ran int64
}

func (f *fakeFleet) scheduleAt(id int64) (int, error) {
	i := slices.IndexFunc(f.schedules.all, func(v fleet.ScheduleView) bool { return v.ID == id })
	if f.err != nil {
		return i, f.err
	}
	if i < 0 {
		return i, fault.New(fault.NotFound, "schedule_not_found", "there is no schedule %d", id)
	}
	return i, nil
}

func (f *fakeFleet) CreateSchedule(_ context.Context, r fleet.ScheduleRequest) (fleet.ScheduleView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := fleet.ScheduleView{Schedule: store.Schedule{Schedule: r.Definition, Repositories: r.Repositories, By: r.By, CreatedAt: time.Date(2024, 1, 15, 9, 0, 0, 0, time.UTC)}}
	v.ID = int64(len(f.schedules.all)) + 3
	for _, id := range r.Repositories {
		v.At = append(v.At, fleet.ScheduledView{
			Repository: id, Name: "my-repo", Path: "/local/backups/my-repo", AgentName: "web-1", AgentID: "a", Zone: "UTC",
			Last:   history.Mark{ID: 124, Status: job.Completed, CreatedAt: v.CreatedAt},
			Missed: []schedule.Missed{{First: v.CreatedAt, Last: v.CreatedAt, Count: 1, Reason: schedule.MissedAway}},
		})
	}
	f.schedules.all = append(f.schedules.all, v)
	return v, f.err
}

func (f *fakeFleet) ChangeSchedule(_ context.Context, id int64, change func(schedule.Schedule, []int64) (schedule.Schedule, []int64)) (fleet.ScheduleView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.scheduleAt(id)
	if err != nil {
		return fleet.ScheduleView{}, err
	}
	v := &f.schedules.all[i]
	v.Schedule.Schedule, v.Schedule.Repositories = change(v.Schedule.Schedule, v.Schedule.Repositories)
	return *v, nil
}

func (f *fakeFleet) Hosts(_ context.Context, q fleet.HostQuery) ([]fleet.HostView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hostQuery = q
	return f.hosts, f.err
}

func (f *fakeFleet) Trends(_ context.Context, q fleet.TrendQuery) (fleet.Trends, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = q
	return fleet.Trends{First: history.DateOf(testNow()), Days: f.trends}, f.err
}

func (f *fakeFleet) Summary(context.Context) (fleet.Summary, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.summary, f.err
}

func (f *fakeFleet) DeleteSchedule(_ context.Context, id int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.scheduleAt(id)
	if err == nil {
		f.schedules.all = slices.Delete(f.schedules.all, i, i+1)
	}
	return err
}

func (f *fakeFleet) Schedules(context.Context) ([]fleet.ScheduleView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.schedules.all, f.err
}

func (f *fakeFleet) Schedule(_ context.Context, id int64) (fleet.ScheduleView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.scheduleAt(id)
	if err != nil {
		return fleet.ScheduleView{}, err
	}
	return f.schedules.all[i], nil
}

func (f *fakeFleet) RunSchedule(_ context.Context, id int64, by string) (fleet.RunNowResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.scheduleAt(id)
	if err != nil {
		return fleet.RunNowResult{}, err
	}
	f.by, f.schedules.ran = by, id
	var out fleet.RunNowResult
	for n := range f.schedules.all[i].Schedule.Repositories {
		out.Jobs = append(out.Jobs, job.Job{ID: 125 + int64(n)})
	}
	return out, nil
}

func (f *fakeFleet) NextRuns(_ context.Context, id int64, n int) ([]fleet.NextRun, []string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.scheduleAt(id); err != nil {
		return nil, nil, err
	}
	f.limit = n
	return []fleet.NextRun{{Repository: 7, Name: "my-repo", AgentName: "web-1", At: time.Date(2024, 1, 16, 2, 0, 0, 0, time.UTC)}}, []string{"away"}, nil
}
