package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"borgfleet/scripts/testenv"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

// fired is a fleet in which the checked schedule has made a backup of repository 2
// at its time, and a check has followed.
type fired struct {
	*trial
	jobs []testenv.Job
	all  []made
	at   time.Time
}

func newFired(t *testing.T) *fired {
	t.Helper()
	f := &fired{trial: &trial{memory: newMemory(), began: time.Now()}, at: time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)}
	f.memory.keys[[2]int64{checked, 2}] = schedule.Key{1}
	f.memory.fired[fire{checked, 2, f.at.Unix()}] = true
	backup := f.backup(t, 7, 0)
	f.all = append(f.all, made{host: "a", id: 8, key: job.StepKey(backup.key, job.Check), spec: job.Spec{
		Kind: job.Check, Repository: backup.spec.Repository, ScheduleID: checked, Parent: backup.key, CreatedAt: f.at.Add(time.Hour),
	}})
	f.jobs[0].Maintenance = "check_completed"
	f.jobs = append(f.jobs, testenv.Job{
		ID: 8, Agent: "a", Kind: "check", Status: "completed", TriggeredBy: "schedule", ScheduleID: checked, ParentID: 7,
		CreatedAt: f.at.Add(time.Hour).Format(time.RFC3339Nano),
	})
	return f
}

// backup adds an attempt.
func (f *fired) backup(t *testing.T, id int64, n int) *made {
	t.Helper()
	s, err := f.scheduleOf(checked, 2)
	must(t, err)
	m := made{host: "a", id: id, key: s.JobKey(2, f.at, n), spec: job.Spec{
		Kind: job.Backup, Repository: job.Repository{ID: 2}, ScheduleID: checked, FireTime: f.at, Attempt: n,
	}}
	m.spec.CreatedAt = f.due(m)
	f.all = append(f.all, m)
	f.jobs = append(f.jobs, testenv.Job{
		ID: id, Agent: "a", Kind: "backup", Status: "completed", TriggeredBy: "schedule", ScheduleID: checked,
		CreatedAt: m.spec.CreatedAt.Format(time.RFC3339Nano),
	})
	return &f.all[len(f.all)-1]
}

func TestWhatSchedulesMakeIsHeldAgainstThem(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*testing.T, *fired)
		want   []string
	}{
		"nothing is wrong":     {func(*testing.T, *fired) {}, nil},
		"the job is not known": {func(_ *testing.T, f *fired) { f.all[1].id = 9 }, []string{"is no job (9)"}},
		"nobody made it":       {func(_ *testing.T, f *fired) { f.all = f.all[:0] }, []string{"has not made it", "remembers that it fired"}},
		"by nobody":            {func(_ *testing.T, f *fired) { f.jobs[0].TriggeredBy = "agent" }, []string{"by agent, schedule 2"}},
		"of another schedule":  {func(_ *testing.T, f *fired) { f.jobs[1].ScheduleID = 3 }, []string{"schedule 3, and its host"}},
		"made too late":        {func(_ *testing.T, f *fired) { f.jobs[0].CreatedAt = "2026-03-01T14:00:00Z" }, []string{"and it was due at"}},
		"made too early":       {func(_ *testing.T, f *fired) { f.jobs[0].CreatedAt = "2026-03-01T12:00:00Z" }, []string{"and it was due at"}},
		"due at no fire time":  {func(_ *testing.T, f *fired) { f.all[0].spec.CreatedAt = f.at.Add(-time.Hour) }, []string{"was due at", "and it was due at"}},
		"twice under two keys": {func(t *testing.T, f *fired) {
			m := f.backup(t, 9, 0)
			m.key = job.Key{9}
			f.jobs[2].Status = "failed"
		}, []string{"two jobs for", "and not"}},
		"a retry of what went well": {func(t *testing.T, f *fired) {
			f.backup(t, 9, 1)
			f.jobs[2].Status = "failed"
		}, []string{`the one before is job 7, "completed"`}},
		"a retry too many": {func(t *testing.T, f *fired) {
			f.backup(t, 9, 2)
			f.jobs[2].Status = "failed"
		}, []string{"1 retries are allowed", "the one before is job 0"}},
		"no step":          {func(_ *testing.T, f *fired) { f.all, f.jobs = f.all[:1], f.jobs[:1] }, []string{"0 checks follow job 7"}},
		"a step at work":   {func(_ *testing.T, f *fired) { f.jobs[0].Maintenance = "running_check" }, []string{"at rest, and says running_check"}},
		"a step that lied": {func(_ *testing.T, f *fired) { f.jobs[1].Status = "failed" }, []string{`says "check_completed"`}},
		"an orphan": {func(_ *testing.T, f *fired) { f.jobs[1].ParentID = 0 }, []string{
			"job 8 (check) follows no job", "0 checks follow job 7",
		}},
		"a step under another key": {func(_ *testing.T, f *fired) { f.all[1].key = job.Key{9} }, []string{"does not have its key"}},
		"after a failure":          {func(_ *testing.T, f *fired) { f.jobs[0].Status = "failed" }, []string{"1 checks follow job 7"}},
		"fired, and no job": {func(_ *testing.T, f *fired) { f.memory.fired[fire{checked, 2, f.at.Add(time.Hour).Unix()}] = true }, []string{
			"remembers that it fired for 2026-03-01T13:30:00Z",
		}},
		"missed, and a job": {func(_ *testing.T, f *fired) {
			due := f.all[0].spec.CreatedAt
			f.memory.missed[[2]int64{checked, 2}] = []schedule.Missed{{First: due.Add(-time.Hour), Last: due.Add(time.Hour), Count: 3}}
		}, []string{"of 3 that were due 1 are jobs"}},
		"missed, but for the job": {func(_ *testing.T, f *fired) {
			due := f.all[0].spec.CreatedAt
			f.memory.missed[[2]int64{checked, 2}] = []schedule.Missed{{First: due.Add(-time.Hour), Last: due.Add(time.Hour), Count: 2}}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFired(t)
			c.change(t, f)
			f.compareFires(f.jobs, f.all)
			says(t, f.trial, c.want...)
		})
	}
}

func TestAMemoryOfOneFireTwiceIsSeen(t *testing.T) {
	r := &trial{memory: newMemory()}
	c := schedule.Cursor{Of: schedules()[0].Cron + " | UTC", Fired: []time.Time{time.Unix(3600, 0), time.Unix(7200, 0)}}
	const key = "01000000000000000000000000000000"
	must(t, r.take(key, 1, c))
	says(t, r)
	c.Fired = append(c.Fired, time.Unix(3600, 0))
	must(t, r.take(key, 1, c))
	says(t, r, "a host has fired twice for 1970-01-01T01:00:00Z")
	if len(r.memory.fired) != 2 {
		t.Errorf("%v", r.memory.fired)
	}
	if err := r.take("02000000000000000000000000000000", 1, c); err == nil {
		t.Error("a schedule may have two keys")
	}
}

// TestSpecsAreRead as an agent writes them.
func TestSpecsAreRead(t *testing.T) {
	want := job.Spec{Kind: job.Backup, TriggeredBy: job.BySchedule, CreatedAt: time.Unix(3600, 0), StartDeadline: time.Unix(7200, 0), ScheduleID: 2, FireTime: time.Unix(3600, 0).UTC(), Attempt: 1}
	payload, err := proto.Marshal(wire.FromSpec(want))
	must(t, err)
	file := filepath.Join(t.TempDir(), "spec")
	must(t, os.WriteFile(file, append([]byte(frameMagic), frame(payload)...), 0o600))
	got, err := readSpec(file)
	must(t, err)
	if got.Kind != want.Kind || got.ScheduleID != 2 || !got.FireTime.Equal(want.FireTime) || got.Attempt != 1 {
		t.Errorf("%+v", got)
	}
	must(t, os.WriteFile(file, frame(payload), 0o600))
	if _, err := readSpec(file); err == nil {
		t.Error("a spec without its magic")
	}
}
