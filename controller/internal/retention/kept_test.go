package retention

import (
	"testing"
	"time"

	"borgfleet/shared/job"
)

// by is a job that ended now, as its host's clock has it, and whose end was recorded
// some time ago.
func (b *bench) by(hostSays, recorded time.Duration, lines int) job.Job {
	return b.add(one{repository: 1, kind: job.Backup, status: job.Completed, ended: hostSays, lines: lines,
		change: func(j *job.Job) {
			j.RecordedAt = ago(recorded)
			if j.Spec.CreatedAt.After(j.RecordedAt) {
				j.Spec.CreatedAt = j.RecordedAt // the controller sees to that
			}
		}})
}

// TestLogsOfHostsWithAWrongClock: a log is kept for as long as any other, whatever its
// host believes the time to be; a clock that is ahead keeps it for a month longer.
func TestLogsOfHostsWithAWrongClock(t *testing.T) {
	for name, tt := range map[string]struct {
		hostSays, recorded time.Duration // ago
		stays              bool
	}{
		"clock right, young":           {29 * day, 29 * day, true},
		"clock right, old":             {31 * day, 31 * day, false},
		"years behind, fresh":          {900 * day, 0, true},
		"years behind, young":          {900 * day, 29 * day, true},
		"years behind, old":            {900 * day, 31 * day, false},
		"was away for months":          {90 * day, day, true},
		"a day ahead, as we are right": {29*day + 12*time.Hour, 30*day + 12*time.Hour, true},
		"years ahead, young":           {-900 * day, 29 * day, true},
		"years ahead, a month more":    {-900 * day, 60 * day, true},
		"years ahead, old":             {-900 * day, 62 * day, false},
		"years ahead, soon past":       {40 * day, 900 * day, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.repository(1)
			b.by(0, 0, 1) // of today: our clock is right
			j := b.by(tt.hostSays, tt.recorded, 3)
			b.reopen() // as the disk has it
			b.sweep(Policy{Logs: 30 * day})
			b.want(name, j.ID, true, tt.stays)
		})
	}
}

// TestLogsBySizeWithAWrongClock: of a host that is behind the logs are no older than
// others, and of one that is ahead no younger.
func TestLogsBySizeWithAWrongClock(t *testing.T) {
	b := newBench(t)
	behind := b.by(900*day, time.Hour, 200)
	usual := b.addEach(3*atOnce, func(i int) one {
		ended := time.Duration(1000-i) * time.Hour
		return one{repository: 1, kind: job.Backup, status: job.Completed, ended: ended, lines: 200,
			change: func(j *job.Job) { j.RecordedAt = ago(ended) }}
	})
	ahead := b.add(one{repository: 1, kind: job.Backup, status: job.Completed, ended: 2000 * time.Hour, lines: 200,
		change: func(j *job.Job) { j.Verdict.EndedAt, j.RecordedAt = ago(-900*day), ago(2000*time.Hour) }})
	b.sweep(Policy{LogBytes: b.st.LogBytes() / 2})
	b.want("of a host that is behind", behind.ID, true, true)
	b.want("of a host that is ahead", ahead.ID, true, false)
	b.want("the oldest", usual[0].ID, true, false)
	b.want("the newest", usual[len(usual)-1].ID, true, true)
}

// TestJobsOfHostsWithAWrongClock: the job itself stays until its end has passed by
// both clocks.
func TestJobsOfHostsWithAWrongClock(t *testing.T) {
	b := newBench(t)
	behind, ahead, old := b.by(2000*day, 700*day, 0), b.by(600*day, 2000*day, 0), b.by(800*day, 800*day, 0)
	b.by(0, 0, 0)
	b.sweep(Policy{History: 730 * day})
	b.want("of a host that is behind", behind.ID, true, false)
	b.want("of a host that is ahead", ahead.ID, true, false)
	b.want("old by both", old.ID, false, false)
}
