package fleet

import (
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
	"borgfleet/shared/schedule/month"
	"borgfleet/shared/wire"
)

// monthHost is one of the month's hosts, as the controller meets it.
type monthHost struct {
	*puppet
	of     month.Host
	view   ScheduleView
	repo   store.Repository
	runs   []month.Run
	told   []int64 // jobs of the runs that the controller knows of
	whole  int     // of them, those whose end it knows
	online bool

	renewed time.Time // its certificate
}

// TestMonth: what hosts make while clocks are set, they sleep and the controller is
// away, is in the history run by run, each once, with its true times and explained.
func TestMonth(t *testing.T) {
	t.Parallel()
	r := newRigAt(t, month.From)
	hosts, away, err := month.Hosts()
	must(t, err)
	var all []*monthHost
	for _, h := range hosts {
		p := r.agent(strings.ReplaceAll(h.Name, "/", "-"))
		repo := r.repository(p, "/"+p.id)
		def := nightly(h.Name)
		def.Zone, def.Cron, def.CatchUp, def.Retries, def.RetryDelay = "", h.Cron, h.CatchUp, h.Retries, month.RetryDelay
		all = append(all, &monthHost{puppet: p, of: h, repo: repo, view: r.schedule(def, repo), runs: h.Runs(), renewed: month.From})
	}
	for at := month.From; at.Before(month.To); at = at.Add(month.Step) {
		r.set(at)
		for _, h := range all {
			h.reach(!away.Holds(at) && !h.of.Asleep.Holds(at))
			if h.online {
				h.tell(at)
			}
		}
	}
	for _, h := range all {
		h.reach(true)
		h.tell(month.To)
		h.inHistory()
	}
}

// reach connects it, or hangs up. It does not know which of its words came through,
// and says the last one again.
func (h *monthHost) reach(online bool) {
	h.t.Helper()
	switch {
	case online && !h.online:
		if h.rig.clock().After(h.renewed.AddDate(0, 0, 20)) {
			p, err := h.renew()
			must(h.t, err)
			h.puppet, h.renewed = p, h.rig.clock()
		}
		h.connect("s1")
		must(h.t, h.stream.Send(&fleetv1.ReportRequest{Schedules: wire.FromScheduleStates([]schedule.State{
			{Schedule: h.view.ID, Repository: h.repo.ID, Cron: h.of.Cron},
		}, h.of.Name)}))
		if h.whole > 0 {
			h.bring(h.whole-1, h.runs[h.whole-1].Ended)
		}
	case !online && h.online:
		h.disconnect()
	}
	h.online = online
}

// tell brings what has begun or ended up to now.
func (h *monthHost) tell(now time.Time) {
	h.t.Helper()
	for i := h.whole; i < len(h.runs) && !h.runs[i].Made.After(now); i++ {
		ended := !h.runs[i].Ended.IsZero() && !h.runs[i].Ended.After(now)
		if i == len(h.told) || ended {
			h.bring(i, now)
		}
		if ended {
			h.whole++
		}
	}
}

func (h *monthHost) bring(i int, now time.Time) {
	h.t.Helper()
	run := h.runs[i]
	spec := job.Spec{
		Kind: job.Backup, Repository: h.repo.Repository, CreatedAt: run.Fire, FireTime: run.Fire, StartDeadline: run.Made.Add(24 * time.Hour),
		TriggeredBy: job.BySchedule, ScheduleID: h.view.ID, Attempt: run.Attempt,
	}
	if run.Attempt > 0 {
		spec.CreatedAt = run.Made
	}
	reg := job.Register{Incarnation: 1, Version: 1, Phase: job.PhaseStarted, StartedAt: run.Made}
	if !run.Ended.IsZero() && !run.Ended.After(now) {
		reg.Version, reg.Verdict = 2, &job.Verdict{Status: job.Completed, StartedAt: run.Made, EndedAt: run.Ended}
		if run.Failed {
			reg.Verdict.Status, reg.Verdict.ErrorCode, reg.Verdict.ErrorMessage = job.Failed, "lock_timeout", "locked"
		}
	}
	j := h.brings(h.view.For(h.repo.ID).JobKey(h.repo.ID, run.Fire, run.Attempt), spec, wire.FromRegister(reg))
	switch {
	case i == len(h.told):
		h.told = append(h.told, j.ID)
	case h.told[i] != j.ID:
		h.t.Errorf("%s: %s is job %d and %d", h.of.Name, run, h.told[i], j.ID)
	}
}

// inHistory compares what is answered with what has to be there.
func (h *monthHost) inHistory() {
	h.t.Helper()
	var page JobPage
	h.rig.await("the index to have them", func() (whole bool) {
		var err error
		page, err = h.rig.s.Jobs(h.t.Context(), JobQuery{Repository: h.repo.Path, Limit: 1000})
		must(h.t, err)
		return len(page.Jobs) >= len(h.runs)
	})
	if len(page.Jobs) != len(h.runs) {
		h.t.Fatalf("%s: %d jobs, want %d", h.of.Name, len(page.Jobs), len(h.runs))
	}
	got := map[string]bool{}
	for _, v := range page.Jobs {
		j := h.rig.job(v.ID)
		run := month.Run{Fire: j.Spec.FireTime, Made: j.StartedAt(), Attempt: j.Spec.Attempt}
		if j.Verdict != nil {
			run.Ended, run.Failed = j.Verdict.EndedAt, j.Verdict.Status == job.Failed
		} else {
			run.Failed = h.runs[len(h.runs)-1].Failed // it has not ended
		}
		if j.Announced || j.Spec.ScheduleID != h.view.ID {
			h.t.Errorf("%s: %s is not explained", h.of.Name, run)
		}
		got[run.String()] = true
	}
	for _, run := range h.runs {
		if !got[run.String()] {
			h.t.Errorf("%s: %s is not in the history", h.of.Name, run)
		}
	}
}
