package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

func (s *server) listSchedules(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Fleet.Schedules(r.Context())
	if err != nil {
		return err
	}
	list := rest.ScheduleList{Schedules: []rest.Schedule{}}
	for _, v := range all {
		list.Schedules = append(list.Schedules, scheduleBody(v))
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *server) oneSchedule(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "schedule")
	if err != nil {
		return err
	}
	v, err := s.Fleet.Schedule(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, scheduleBody(v))
}

func (s *server) createSchedule(w http.ResponseWriter, r *http.Request) error {
	body, err := s.readObject(w, r)
	if err != nil {
		return err
	}
	for _, required := range []string{"name", "cron_expression"} {
		body.must(required)
	}
	change := readSchedule(body)
	def, repositories := change(schedule.Schedule{
		Enabled: true, CatchUp: schedule.DefaultCatchUp, Overlap: schedule.OverlapSkip, RetryDelay: schedule.DefaultRetryDelay,
	}, nil)
	if err := checkSchedule(body, def); err != nil {
		return err
	}
	v, err := s.Fleet.CreateSchedule(r.Context(), fleet.ScheduleRequest{Definition: def, Repositories: repositories, By: caller(r).User})
	if err != nil {
		return err
	}
	w.Header().Set("Location", fmt.Sprintf("/api/schedule/%d", v.ID))
	return writeJSON(w, http.StatusCreated, scheduleBody(v))
}

// changeSchedule takes the fields that are given; the others stay.
func (s *server) changeSchedule(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "schedule")
	if err != nil {
		return err
	}
	body, err := s.optionalBody(w, r)
	if err != nil {
		return err
	}
	now, err := s.Fleet.Schedule(r.Context(), id)
	if err != nil {
		return err
	}
	change := readSchedule(body)
	def, _ := change(now.Schedule.Schedule, now.Schedule.Repositories)
	if err := checkSchedule(body, def); err != nil {
		return err
	}
	v, err := s.Fleet.ChangeSchedule(r.Context(), id, change)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, scheduleBody(v))
}

func (s *server) toggleSchedule(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "schedule")
	if err != nil {
		return err
	}
	if err := s.noBody(w, r); err != nil {
		return err
	}
	v, err := s.Fleet.ChangeSchedule(r.Context(), id, func(d schedule.Schedule, at []int64) (schedule.Schedule, []int64) {
		d.Enabled = !d.Enabled
		return d, at
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, scheduleBody(v))
}

// noBody refuses fields where none means anything.
func (s *server) noBody(w http.ResponseWriter, r *http.Request) error {
	body, err := s.optionalBody(w, r)
	if err != nil {
		return err
	}
	body.noOthers()
	return body.err()
}

func (s *server) deleteSchedule(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "schedule")
	if err != nil {
		return err
	}
	if err := s.Fleet.DeleteSchedule(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) runSchedule(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "schedule")
	if err != nil {
		return err
	}
	if err := s.noBody(w, r); err != nil {
		return err
	}
	done, err := s.Fleet.RunSchedule(r.Context(), id, caller(r).User)
	if err != nil {
		return err
	}
	out := rest.ScheduleStarted{JobIDs: []int64{}, Status: string(job.Pending), Message: "Backup job started"}
	for _, j := range done.Jobs {
		out.JobIDs = append(out.JobIDs, j.ID)
	}
	if len(out.JobIDs) == 1 && len(done.Skipped) == 0 {
		out.JobID = &out.JobIDs[0]
	} else {
		out.Message = fmt.Sprintf("%d backup jobs started", len(out.JobIDs))
	}
	if len(done.Skipped) > 0 {
		out.Message += "; not started: " + strings.Join(done.Skipped, "; ")
	}
	return writeJSON(w, http.StatusOK, out)
}

// Bounds of a preview.
const (
	defaultNext = 10
	mostNext    = 100
)

func (s *server) nextRuns(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "schedule")
	if err != nil {
		return err
	}
	q := readQuery(r)
	n := min(q.number("n", defaultNext, 1), mostNext)
	if err := q.bad.err(); err != nil {
		return err
	}
	runs, unknown, err := s.Fleet.NextRuns(r.Context(), id, int(n))
	if err != nil {
		return err
	}
	out := rest.NextRuns{NextRuns: []rest.NextRun{}, Unknown: append([]string{}, unknown...)}
	for _, run := range runs {
		out.NextRuns = append(out.NextRuns, rest.NextRun{At: rest.At(run.At), RepositoryID: run.Repository, Name: run.Name, Agent: run.AgentName})
	}
	return writeJSON(w, http.StatusOK, out)
}

// validateCron says when an expression is due; a bad one is refused as it is in a
// schedule.
func (s *server) validateCron(w http.ResponseWriter, r *http.Request) error {
	body, err := s.readObject(w, r)
	if err != nil {
		return err
	}
	body.must("cron_expression")
	text, _ := body.text("cron_expression")
	zone, _ := body.text("timezone")
	def := schedule.Schedule{Cron: text, Zone: cmp.Or(zone, "UTC"), Overlap: schedule.OverlapSkip, RetryDelay: schedule.DefaultRetryDelay}
	body.noOthers()
	if err := checkSchedule(body, def); err != nil {
		return err
	}
	times, err := def.TimesFor(0, time.UTC)
	if err != nil {
		return err
	}
	out := rest.CronTimes{CronExpression: def.Cron, Timezone: def.Zone, NextRuns: []*rest.Time{}}
	for f := times.Next(s.Now()); !f.IsZero() && len(out.NextRuns) < defaultNext; f = times.Next(f.Due) {
		out.NextRuns = append(out.NextRuns, rest.At(f.Due))
	}
	return writeJSON(w, http.StatusOK, out)
}

// checkSchedule says what is wrong with what a schedule would be, unless the
// request is wrong already.
func checkSchedule(body *object, def schedule.Schedule) error {
	if err := body.err(); err != nil {
		return err
	}
	var p *schedule.Problem
	if err := def.Check(); errors.As(err, &p) {
		return fault.InvalidField("body."+p.Field, "%s", p.Why)
	} else if err != nil {
		return err
	}
	return nil
}
