package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"borgfleet/scripts/testenv"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

// checkFires holds what schedules have made against what they were to make. What
// is wrong after one round is wrong after the next one too, and said once.
func (t *trial) checkFires() error {
	if t.wrong() {
		return nil
	}
	jobs, err := t.allJobs()
	if err != nil {
		return err
	}
	all, err := t.makings()
	if err != nil {
		return err
	}
	t.compareFires(jobs, all)
	return nil
}

func (t *trial) compareFires(jobs []testenv.Job, all []made) {
	byID := map[int64]testenv.Job{}
	for _, j := range jobs {
		byID[j.ID] = j
	}
	t.checkMade(byID, all)
	t.checkOnce(byID, all)
	t.checkSteps(jobs, all)
	t.checkRemembered(all)
	t.checkMissed(all)
}

// checkMade: each job that a schedule made on a host is known, as what it is.
func (t *trial) checkMade(byID map[int64]testenv.Job, all []made) {
	known, on := map[int64]bool{}, map[job.Key]string{}
	for _, m := range all {
		on[m.key] = m.host
	}
	for _, m := range all {
		j, ok := byID[m.id]
		known[m.id] = true
		switch {
		case !ok:
			t.problem("%s on %s was made for %s, and is no job (%d) that the controller knows", m.key, m.host, m.fire(), m.id)
		case j.TriggeredBy != "schedule" || j.ScheduleID != m.spec.ScheduleID || j.Agent != m.host || j.Kind != string(m.spec.Kind):
			t.problem("job %d is a %s of %s by %s, schedule %d, and its host has a %s of schedule %d", j.ID, j.Kind, j.Agent, j.TriggeredBy, j.ScheduleID, m.spec.Kind, m.spec.ScheduleID)
		}
		// A step on another host than its backup's is the controller's order, and one
		// that was restored gives it anew.
		if ok && (m.spec.Kind == job.Backup || on[m.spec.Parent] == m.host) {
			t.checkCreated(j, m)
		}
	}
	for id, j := range byID {
		// A step that the controller could not order is on no host.
		if j.TriggeredBy == "schedule" && !known[id] && (j.Kind == "backup" || j.StartedAt != "") {
			t.problem("job %d (%s) is a schedule's, and its host %s has not made it", id, j.Kind, j.Agent)
		}
	}
}

// checkCreated: a job was made when it was due. Of a host whose clock was ahead
// the controller's clock counts, as it was when the job was told.
func (t *trial) checkCreated(j testenv.Job, m made) {
	created, err := time.Parse(time.RFC3339Nano, j.CreatedAt)
	if err != nil {
		t.problem("job %d: %v", j.ID, err)
		return
	}
	due := m.spec.CreatedAt
	if m.spec.Kind == job.Backup && m.spec.Attempt == 0 {
		if want := t.due(m); !due.Equal(want) {
			t.problem("%s was due at %s, and %s on %s says %s", m.fire(), want, m.key, m.host, due)
		}
	}
	if created.Equal(due) {
		return
	}
	// Clocks are stepped by three hours at most on the controller.
	if created.After(due) || created.Before(t.began.Add(-3*time.Hour)) || created.After(time.Now().Add(3*time.Hour)) {
		t.problem("job %d was made at %s, by the controller's word, and it was due at %s", j.ID, created, due)
	}
}

// due is when a host has to make a job, with the repository's splay.
func (t *trial) due(m made) time.Time {
	times, err := t.timesOf(m.spec.ScheduleID, m.spec.Repository.ID)
	if err != nil {
		return m.spec.FireTime
	}
	// The splay is the same for all fire times.
	f := times.Next(m.spec.FireTime)
	return m.spec.FireTime.Add(f.Due.Sub(f.Time))
}

func (t *trial) timesOf(id, repository int64) (schedule.Times, error) {
	s, err := t.scheduleOf(id, repository)
	if err != nil {
		return schedule.Times{}, err
	}
	return s.TimesFor(repository, time.UTC)
}

func (t *trial) scheduleOf(id, repository int64) (schedule.Schedule, error) {
	i := slices.IndexFunc(schedules(), func(s timed) bool { return s.ID == id })
	key, known := t.memory.keys[[2]int64{id, repository}]
	if i < 0 || !known {
		return schedule.Schedule{}, fmt.Errorf("schedule %d of repository %d is not known", id, repository)
	}
	s := schedules()[i].Schedule
	s.Key = key
	return s, nil
}

// attempt is a try of a fire.
type attempt struct {
	fire
	n int
}

// checkOnce: one job for each fire time and attempt, under the key that it has
// by right; and no attempt without a failure before it, nor more than are allowed.
func (t *trial) checkOnce(byID map[int64]testenv.Job, all []made) {
	tries := map[attempt]made{}
	for _, m := range all {
		if m.spec.Kind != job.Backup {
			continue
		}
		a := attempt{m.fire(), m.spec.Attempt}
		if other, twice := tries[a]; twice {
			t.problem("two jobs for %s, attempt %d: %s and %s", a.fire, a.n, other.key, m.key)
		}
		tries[a] = m
		s, err := t.scheduleOf(m.spec.ScheduleID, m.spec.Repository.ID)
		if err != nil {
			t.problem("%s on %s: %v", m.key, m.host, err)
			continue
		}
		if want := s.JobKey(m.spec.Repository.ID, m.spec.FireTime, m.spec.Attempt); m.key != want {
			t.problem("attempt %d for %s has the key %s, and not %s", a.n, a.fire, m.key, want)
		}
		if a.n > s.Retries {
			t.problem("attempt %d for %s, and %d retries are allowed", a.n, a.fire, s.Retries)
		}
	}
	for a := range tries {
		if a.n == 0 {
			continue
		}
		before, ok := tries[attempt{a.fire, a.n - 1}]
		if j := byID[before.id]; !ok || j.Status != "failed" {
			t.problem("attempt %d for %s, and the one before is job %d, %q", a.n, a.fire, before.id, j.Status)
		}
	}
}

// checkSteps: what is to follow a good backup has followed it, once, as a child of
// it; nothing follows any other; and nothing is under way at rest.
func (t *trial) checkSteps(jobs []testenv.Job, all []made) {
	steps := map[int64][]testenv.Job{}
	for _, j := range jobs {
		if j.Kind == "check" {
			steps[j.ParentID] = append(steps[j.ParentID], j)
		}
	}
	for _, j := range steps[0] {
		t.problem("job %d (%s) follows no job", j.ID, j.Kind)
	}
	for _, m := range all {
		if m.spec.Kind == job.Check && m.key != job.StepKey(m.spec.Parent, job.Check) {
			t.problem("%s on %s follows %s, and does not have its key", m.key, m.host, m.spec.Parent)
		}
	}
	for _, j := range jobs {
		of := steps[j.ID]
		good := j.Kind == "backup" && strings.HasPrefix(j.Status, "completed") && j.ScheduleID == checked
		switch {
		case strings.HasPrefix(j.Maintenance, "running_"):
			t.problem("job %d is at rest, and says %s", j.ID, j.Maintenance)
		case good && len(of) != 1, !good && len(of) > 0:
			t.problem("%d checks follow job %d, a %s of schedule %d that is %s", len(of), j.ID, j.Kind, j.ScheduleID, j.Status)
		case good && j.Maintenance != told(of[0]), !good && j.Maintenance != "":
			t.problem("job %d says %q of what followed it: %+v", j.ID, j.Maintenance, of)
		}
	}
}

// told is what a backup says of the check that followed it.
func told(step testenv.Job) string {
	if strings.HasPrefix(step.Status, "completed") {
		return "check_completed"
	}
	return "check_failed"
}

// checkRemembered: what a host remembers as fired, it has made.
func (t *trial) checkRemembered(all []made) {
	there := map[fire]bool{}
	for _, m := range all {
		if m.spec.Kind == job.Backup {
			there[m.fire()] = true
		}
	}
	for f := range t.memory.fired {
		if !there[f] {
			t.problem("a host remembers that it fired for %s, and there is no job", f)
		}
	}
}

// checkMissed: what a host says it missed, it did not make.
func (t *trial) checkMissed(all []made) {
	jobs := map[fire]bool{}
	for _, m := range all {
		if m.spec.Kind == job.Backup {
			jobs[m.fire()] = true
		}
	}
	for of, missed := range t.memory.missed {
		times, err := t.timesOf(of[0], of[1])
		if err != nil || of[0] == hourly && t.memory.edited {
			continue
		}
		for _, m := range missed {
			due, done := 0, 0
			for f := times.Next(m.First.Add(-time.Second)); !f.Due.After(m.Last); f = times.Next(f.Due) {
				due++
				if jobs[fire{of[0], of[1], f.Time.Unix()}] {
					done++
				}
			}
			if m.Count > due-done {
				t.problem("schedule %d and repository %d: %d runs are said to be missed from %s to %s (%s), and of %d that were due %d are jobs", of[0], of[1], m.Count, m.First, m.Last, m.Reason, due, done)
			}
		}
	}
}

// checkFollowed: a host knows by itself that nothing more is to follow, also when
// the steps are not on its disk any more.
func (t *trial) checkFollowed() {
	all, err := t.makings()
	if err != nil {
		t.problem("%v", err)
		return
	}
	t.fires = countFires(all, t.memory)
	good := map[int64]bool{}
	for _, j := range t.jobs {
		good[j.ID] = strings.HasPrefix(j.Status, "completed")
	}
	for _, m := range all {
		if m.spec.Kind != job.Backup || m.spec.After.Check == nil || m.spec.Repository.Maintainer != "" || !good[m.id] {
			continue
		}
		if found, err := filepath.Glob(filepath.Join(m.dir, "followed")); len(found) != 1 || err != nil {
			t.problem("job %d: its host %s does not know that nothing more is to follow: %v", m.id, m.host, err)
		}
	}
}

// countFires counts what schedules have made and missed.
func countFires(all []made, m memory) map[string]int {
	n := map[string]int{}
	for _, one := range all {
		switch {
		case one.spec.Kind != job.Backup:
			n["steps"]++
		case one.spec.Attempt > 0:
			n["retries"]++
		default:
			n["backups"]++
		}
	}
	for _, missed := range m.missed {
		for _, one := range missed {
			n["runs missed, as told in the end"] += one.Count
		}
	}
	return n
}

// checked is the schedule whose backups a check follows.
const checked = 2
