package fleet

import (
	"context"
	"fmt"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/schedule"
)

// ScheduleView is a schedule as people see it.
type ScheduleView struct {
	store.Schedule
	NextRun time.Time // of the first repository; zero: none, or not known
	At      []ScheduledView
}

// ScheduledView is how a schedule stands for one repository.
type ScheduledView struct {
	Repository int64
	Name       string
	Path       string
	AgentID    string
	AgentName  string
	Zone       string       // that its times are of; empty: the host's, which is not known
	NextRun    time.Time    // zero: none, or not known
	Last       history.Mark // the newest backup that the schedule stands behind
	LastSteps  string       // how what follows that stands; see JobView.MaintenanceStatus
	Missed     []schedule.Missed
	OverdueAt  time.Time // when it was due and nothing is known of a backup; zero: it is not
	Why        string    // it is overdue, or the host cannot go by it
}

// Schedules gives all schedules by id.
func (s *Service) Schedules(ctx context.Context) ([]ScheduleView, error) {
	var out []ScheduleView
	for _, one := range s.store.Schedules() {
		v, err := s.scheduleView(ctx, one)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Schedule gives one schedule.
func (s *Service) Schedule(ctx context.Context, id int64) (ScheduleView, error) {
	one, ok := s.store.Schedule(id)
	if !ok {
		return ScheduleView{}, noSuchSchedule(id)
	}
	return s.scheduleView(ctx, one)
}

func (s *Service) scheduleView(ctx context.Context, one store.Schedule) (ScheduleView, error) {
	v := ScheduleView{Schedule: one, At: []ScheduledView{}}
	for _, id := range one.Repositories {
		repo, ok := s.store.Repository(id)
		if !ok {
			continue
		}
		if err := ctx.Err(); err != nil {
			return v, err
		}
		at, err := s.scheduledView(one, repo)
		if err != nil {
			return v, err
		}
		if !at.NextRun.IsZero() && (v.NextRun.IsZero() || at.NextRun.Before(v.NextRun)) {
			v.NextRun = at.NextRun
		}
		v.At = append(v.At, at)
	}
	return v, nil
}

func (s *Service) scheduledView(one store.Schedule, repo store.Repository) (ScheduledView, error) {
	a, _ := s.store.Agent(repo.Agent)
	v := ScheduledView{
		Repository: repo.ID, Name: repo.Name, Path: repo.Path, AgentID: a.ID, AgentName: a.Name, Zone: one.Zone,
	}
	if v.Zone == "" {
		v.Zone = a.Timezone
	}
	if v.Last = s.store.LastScheduled(one.ID, repo.ID); v.Last.ID != 0 {
		last, ok, err := s.store.Job(v.Last.ID)
		if err != nil {
			return v, err
		}
		if ok {
			v.LastSteps = s.maintenanceOf(a, last)
		}
	}
	state, told := s.timetables.state(repo.Agent, scheduled{one.ID, repo.ID})
	v.Missed = state.Missed
	if !one.Enabled || a.Revoked {
		return v, nil
	}
	if repo.Status != store.RepositoryReady {
		v.Why = fault.Of(notReady(repo)).Message
		return v, nil
	}
	if told && state.Problem != "" {
		v.Why = "the host cannot go by it: " + state.Problem
	} else if told && state.Ping != "" {
		v.Why = "the host does not call its ping URL: " + state.Ping
	}
	t := s.overdue.of(&one, repo.ID, &a, s.now(), overdueAfter)
	if !t.known {
		if told && state.Cron == one.Cron {
			v.NextRun = state.Next
		}
		return v, nil
	}
	v.NextRun = t.next
	s.addOverdue(&v, one, repo, t.due)
	return v, nil
}

// timesOf are the times of a schedule for a repository, if its zone is known.
func timesOf(one store.Schedule, repository int64, a store.Agent) (schedule.Times, bool) {
	if one.Zone == "" && a.Timezone == "" {
		return schedule.Times{}, false
	}
	own, err := schedule.Zone(a.Timezone, time.UTC)
	if err != nil {
		return schedule.Times{}, false
	}
	times, err := one.For(repository).TimesFor(repository, own)
	return times, err == nil
}

// addOverdue says what should have fired and did not, and why.
func (s *Service) addOverdue(v *ScheduledView, one store.Schedule, repo store.Repository, due time.Time) {
	if due.IsZero() || v.Last.ID != 0 && !v.Last.CreatedAt.Before(due) {
		return
	}
	for _, m := range v.Missed {
		if !due.Before(m.First) && !due.After(m.Last) {
			v.OverdueAt, v.Why = due, m.Reason
			return
		}
	}
	v.OverdueAt = due
	if v.Why == "" {
		v.Why = s.whyOverdue(one, repo)
	}
}

func (s *Service) whyOverdue(one store.Schedule, repo store.Repository) string {
	a, _ := s.store.Agent(repo.Agent)
	for _, h := range s.store.HeldBy(repo.Agent) {
		if h.Repository.ID == repo.ID && !h.Settled {
			return "its host goes by another definition since this controller was restored: see borgfleet-controller db differences"
		}
	}
	if !s.online(repo.Agent) {
		since := "it was never connected"
		if last := s.lastContact(a); !last.IsZero() {
			since = "its host was last heard of at " + moment(last)
		}
		return since + "; hosts fire schedules by themselves, and tell when they are back"
	}
	state, told := s.timetables.state(repo.Agent, scheduled{one.ID, repo.ID})
	switch {
	case !told:
		return "its host has not confirmed the schedule: its agent may be too old, or its disk refuses it; see the agent's log"
	case state.Cron != one.Cron:
		return fmt.Sprintf("its host still goes by %q", state.Cron)
	}
	return "its host has not said why; see the agent's log"
}
