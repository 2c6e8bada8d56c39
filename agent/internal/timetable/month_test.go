package timetable

import (
	"os"
	"slices"
	"testing"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
	"borgfleet/shared/schedule/month"
)

// player goes through the month: it looks at the clock while its host is awake, and
// runs what the timetable makes.
type player struct {
	*fixture
	of   month.Host
	runs []month.Run // that have ended

	begun map[job.Key]time.Time
	ended map[job.Key]bool
}

// TestMonth: three hosts make the backups that they have to, and no other, while
// clocks are set, they sleep and start anew, and the controller is away.
func TestMonth(t *testing.T) {
	t.Parallel()
	hosts, away, err := month.Hosts()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hosts {
		p := &player{of: h, begun: map[job.Key]time.Time{}, ended: map[job.Key]bool{}, fixture: newFixture(t, func(s *schedule.Schedule) {
			s.Cron, s.CatchUp, s.Retries, s.RetryDelay = h.Cron, h.CatchUp, h.Retries, month.RetryDelay
		})}
		p.dir, p.zone = t.TempDir(), h.Zone
		p.open()
		slept := false
		for at := month.From; at.Before(month.To); at = at.Add(month.Step) {
			p.now = at
			p.linked.Store(!away.Holds(at))
			switch {
			case h.Asleep.Holds(at):
				slept = true
				continue
			case slept:
				p.open()
				slept = false
			}
			p.end()
			p.table.look()
			p.begin()
		}
		want := h.Runs()
		if n := len(want); want[n-1].Ended.IsZero() {
			want = want[:n-1]
		}
		if !slices.Equal(p.runs, want) {
			t.Errorf("%s: %d runs:\n%v\nwant %d:\n%v", h.Name, len(p.runs), p.runs, len(want), want)
		}
	}
}

// begin starts what was made.
func (p *player) begin() {
	for key, d := range p.dirs {
		if _, known := p.begun[key]; known {
			continue
		}
		p.begun[key] = p.now
		p.locked(d, func() error {
			return d.Update(func(r *job.Register) { r.Phase, r.StartedAt = job.PhaseStarted, p.now })
		})
	}
}

// end ends what has run for long enough, and clears away what is old.
func (p *player) end() {
	for key, d := range p.dirs {
		begun, spec := p.begun[key], d.Spec()
		lasts, failed := p.of.Outcome(spec.FireTime, spec.Attempt)
		switch {
		case p.ended[key] && p.now.Sub(begun) > 7*24*time.Hour:
			delete(p.dirs, key)
			if err := os.RemoveAll(d.Path()); err != nil {
				p.t.Fatal(err)
			}
		case p.ended[key] || p.now.Before(begun.Add(lasts)):
		default:
			v := job.Verdict{Status: job.Completed, StartedAt: begun, EndedAt: p.now}
			if failed {
				v.Status, v.ErrorCode = job.Failed, "lock_timeout"
			}
			p.locked(d, func() error { return d.WriteVerdict(v) })
			p.ended[key] = true
			p.runs = append(p.runs, month.Run{Fire: spec.FireTime.UTC(), Made: begun, Ended: p.now, Attempt: spec.Attempt, Failed: failed})
		}
	}
}

func (p *player) locked(d *jobdir.Dir, do func() error) {
	lock, err := d.TryLock()
	if err != nil {
		p.t.Fatal(err)
	}
	defer lock.Close()
	if err := do(); err != nil {
		p.t.Fatal(err)
	}
}
