package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

func nightly(name string) schedule.Schedule {
	return schedule.Schedule{
		Name: name, Cron: "0 2 * * *", Zone: "UTC", Enabled: true, CatchUp: schedule.DefaultCatchUp,
		Overlap: schedule.OverlapSkip, RetryDelay: schedule.DefaultRetryDelay,
	}
}

func (r *rig) schedule(def schedule.Schedule, repos ...store.Repository) ScheduleView {
	r.t.Helper()
	var ids []int64
	for _, repo := range repos {
		ids = append(ids, repo.ID)
	}
	v, err := r.s.CreateSchedule(r.t.Context(), ScheduleRequest{Definition: def, Repositories: ids, By: "test"})
	must(r.t, err)
	return v
}

// hears waits until the agent is told of these schedules of a repository, by their
// expressions.
func (p *puppet) hears(what string, repo store.Repository, want string) {
	p.t.Helper()
	got := "nothing"
	timeout := time.After(10 * time.Second)
	for got != want {
		select {
		case m := <-p.watch:
			for _, def := range m.Repositories {
				p.told[def.Id] = ""
				for _, s := range def.Schedules {
					p.told[def.Id] += s.Cron + "; "
				}
			}
		case <-timeout:
			p.t.Fatalf("%s: repository %d is told to have %q, want %q", what, repo.ID, got, want)
		default:
			if text, ok := p.told[repo.ID]; ok {
				got = text
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// TestSchedulesReachTheirHosts with the definitions of their repositories: when
// they are made, changed, left and deleted.
func TestSchedulesReachTheirHosts(t *testing.T) {
	r := newRig(t)
	p, other := r.agent("host"), r.agent("other")
	one, two := r.repository(p, "/one"), r.repository(p, "/two")
	r.repository(other, "/three")
	p.connect("s1")
	p.told = map[int64]string{}
	wants := p.hears
	wants("at first", one, "")
	v := r.schedule(nightly("a"), one)
	wants("made", one, "0 2 * * *; ")
	refusedAs(t, "a name twice", errOf(r.s.CreateSchedule(t.Context(), ScheduleRequest{Definition: nightly("a"), Repositories: []int64{two.ID}})), "schedule_name_taken")
	refusedAs(t, "no repository", errOf(r.s.CreateSchedule(t.Context(), ScheduleRequest{Definition: nightly("b")})), "invalid_request")
	refusedAs(t, "nobody's repository", errOf(r.s.CreateSchedule(t.Context(), ScheduleRequest{Definition: nightly("b"), Repositories: []int64{99}})), "invalid_request")
	prunes := nightly("b")
	prunes.After.Prune = &job.PruneSpec{}
	refusedAs(t, "a prune without a rule", errOf(r.s.CreateSchedule(t.Context(), ScheduleRequest{Definition: prunes, Repositories: []int64{two.ID}})), "invalid_request")

	must(t, errOf(r.s.ChangeSchedule(t.Context(), v.ID, func(d schedule.Schedule, _ []int64) (schedule.Schedule, []int64) {
		d.Cron = "0 3 * * *"
		return d, []int64{two.ID, two.ID}
	})))
	wants("left", one, "")
	wants("moved", two, "0 3 * * *; ")
	r.schedule(nightly("c"), two)
	wants("a second one", two, "0 3 * * *; 0 2 * * *; ")
	must(t, r.s.DeleteSchedule(t.Context(), v.ID))
	wants("deleted", two, "0 2 * * *; ")
	must(t, r.s.DeleteRepository(t.Context(), two.ID))
	all, err := r.s.Schedules(t.Context())
	if err != nil || len(all) != 1 || len(all[0].Schedule.Repositories) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	refusedAs(t, "it is gone", errOf(r.s.Schedule(t.Context(), v.ID)), "schedule_not_found")
}

func (r *rig) set(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = now
}

func errOf[T any](_ T, err error) error { return err }

// fires has the agent tell of a backup that it made for a schedule.
func (p *puppet) fires(v ScheduleView, repo store.Repository, fire time.Time, reg *fleetv1.Register) job.Job {
	p.t.Helper()
	spec := job.Spec{
		Kind: job.Backup, Repository: repo.Repository, CreatedAt: fire, FireTime: fire, StartDeadline: fire.Add(24 * time.Hour),
		TriggeredBy: job.BySchedule, ScheduleID: v.ID, After: v.After,
	}
	return p.brings(v.For(repo.ID).JobKey(repo.ID, fire, 0), spec, reg)
}

// brings has the agent tell of a job.
func (p *puppet) brings(key job.Key, spec job.Spec, reg *fleetv1.Register) job.Job {
	p.t.Helper()
	p.send(&fleetv1.JobReport{Key: key[:], Register: reg, Spec: wire.FromSpec(spec)})
	var j job.Job
	p.rig.await("the job", func() bool {
		id, ok, err := p.rig.st.JobByKey(key)
		must(p.t, err)
		if !ok {
			return false
		}
		j = p.rig.job(id)
		return j.Verdict != nil || reg.Verdict == nil
	})
	return j
}

func (r *rig) maintenanceOf(id int64) string {
	r.t.Helper()
	v, err := r.s.Job(r.t.Context(), id)
	must(r.t, err)
	return v.MaintenanceStatus
}

// TestStepsOfItsOwnHost: the host makes them, and the backup tells how they stand.
func TestStepsOfItsOwnHost(t *testing.T) {
	r := newRig(t)
	p, thief := r.agent("host"), r.agent("thief")
	repo, thiefs := r.repository(p, "/one"), r.repository(thief, "/two")
	p.connect("s1")
	thief.connect("s2")
	def := nightly("a")
	def.After = job.After{Prune: &job.PruneSpec{Keep: job.Keep{Daily: 7}}, Compact: true, Check: &job.CheckSpec{}}
	v := r.schedule(def, repo)
	fire := r.clock().Add(-time.Hour).Truncate(time.Minute)
	backup := p.fires(v, repo, fire, register(1, job.PhaseStarted, ""))
	if got := r.maintenanceOf(backup.ID); got != "" {
		t.Errorf("while it runs: %q", got)
	}
	p.fires(v, repo, fire, register(2, job.PhaseStarted, job.Completed))
	r.await("the end", func() bool { return r.job(backup.ID).Verdict != nil })
	if got := r.maintenanceOf(backup.ID); got != "running_prune" {
		t.Errorf("before the first step: %q", got)
	}
	step := func(kind job.Kind, ver uint64, status job.Status) job.Job {
		t.Helper()
		spec := job.Spec{
			Kind: kind, Repository: repo.Repository, CreatedAt: fire, StartDeadline: fire.Add(48 * time.Hour), TriggeredBy: job.BySchedule,
			ScheduleID: v.ID, Parent: backup.Key, Prune: def.After.Prune,
		}
		return p.brings(job.StepKey(backup.Key, kind), spec, register(ver, job.PhaseStarted, status))
	}
	wants := func(want string) {
		t.Helper()
		r.await("maintenance_status "+want, func() bool { return r.maintenanceOf(backup.ID) == want })
	}
	step(job.Prune, 1, "")
	wants("running_prune")
	step(job.Prune, 2, job.Completed)
	wants("running_compact")

	// Another host's word of it counts for nothing.
	forged := job.Spec{Kind: job.Check, Repository: thiefs.Repository, CreatedAt: fire, StartDeadline: fire.Add(48 * time.Hour), TriggeredBy: job.BySchedule, Parent: backup.Key}
	thief.brings(job.Key{9}, forged, register(1, job.PhaseStarted, job.Failed))

	compact := step(job.Compact, 1, "")
	r.await("the step with its backup", func() bool { _, runs := openStep(r.job(backup.ID)); return runs })
	if _, err := r.s.Cancel(t.Context(), backup.ID, "test"); err != nil {
		t.Fatal(err)
	}
	if !r.job(compact.ID).CancelRequested {
		t.Error("cancelling the backup did not cancel its step")
	}
	step(job.Compact, 2, job.Cancelled)
	wants("compact_failed")
	if j := r.job(backup.ID); j.Status != job.Completed || len(j.Steps) != 2 {
		t.Errorf("%+v", j)
	}
	refusedAs(t, "nothing left to cancel", errOf(r.s.Cancel(t.Context(), backup.ID, "test")), "job_ended")
}

// TestStepsBeforeTheirBackup, as to a store that was restored: the backup tells of
// them, whatever another host says that it has made.
func TestStepsBeforeTheirBackup(t *testing.T) {
	r := newRig(t)
	p, thief := r.agent("host"), r.agent("thief")
	repo, thiefs := r.repository(p, "/one"), r.repository(thief, "/two")
	p.connect("s1")
	thief.connect("s2")
	def := nightly("a")
	def.After = job.After{Prune: &job.PruneSpec{Keep: job.Keep{Daily: 7}}}
	v := r.schedule(def, repo, thiefs)
	fire := r.clock().Add(-time.Hour).Truncate(time.Minute)
	backup := v.For(repo.ID).JobKey(repo.ID, fire, 0)
	spec := job.Spec{
		Kind: job.Prune, Repository: thiefs.Repository, CreatedAt: fire, StartDeadline: fire.Add(48 * time.Hour), TriggeredBy: job.BySchedule,
		ScheduleID: v.ID, Parent: backup, Prune: def.After.Prune,
	}
	thief.brings(job.Key{8}, spec, register(1, job.PhaseStarted, job.Completed))
	spec.Repository = repo.Repository
	prune := p.brings(job.StepKey(backup, job.Prune), spec, register(1, job.PhaseStarted, job.Completed))
	spec.Repository = thiefs.Repository
	thief.brings(job.Key{9}, spec, register(1, job.PhaseStarted, job.Failed))
	late := p.fires(v, repo, fire, register(1, job.PhaseStarted, job.Completed))
	if steps := r.job(late.ID).Steps; len(steps) != 1 || steps[0].ID != prune.ID || r.maintenanceOf(late.ID) != "prune_completed" {
		t.Errorf("%+v, %s", steps, r.maintenanceOf(late.ID))
	}
}

// TestStepsOfAMaintainer are ordered by the controller, once each.
func TestStepsOfAMaintainer(t *testing.T) {
	r := newRig(t)
	host, keeper, owner, kept := r.maintained("host")
	host.connect("s1")
	keeper.connect("s2")
	def := nightly("a")
	def.Cron, def.Zone = "* * * * *", "UTC"
	def.After = job.After{Prune: &job.PruneSpec{Keep: job.Keep{Daily: 7}}, Check: &job.CheckSpec{Depth: job.CheckRepository}}
	v := r.schedule(def, owner)
	fire := r.clock().UTC().Truncate(24 * time.Hour).Add(26 * time.Hour)
	r.set(fire.Add(time.Hour))
	backup := host.fires(v, owner, fire, register(1, job.PhaseStarted, job.Completed))
	host.fires(v, owner, fire, register(1, job.PhaseStarted, job.Completed))
	stepJob := func(kind job.Kind) job.Job {
		t.Helper()
		var j job.Job
		r.await(string(kind), func() bool {
			id, ok, err := r.st.JobByKey(job.StepKey(backup.Key, kind))
			must(t, err)
			if ok {
				j = r.job(id)
			}
			return ok
		})
		return j
	}
	prune := stepJob(job.Prune)
	if prune.Agent != keeper.id || prune.Spec.Repository.ID != kept.ID || prune.Spec.Prune.Keep.Daily != 7 || prune.Spec.ScheduleID != v.ID ||
		prune.Spec.Repository.MatchArchives != job.ArchivePattern(owner.Repository, "host") {
		t.Errorf("%+v", prune.Spec)
	}
	keeper.order(prune.ID)
	keeper.send(&fleetv1.JobReport{Key: prune.Key[:], Register: register(1, job.PhaseStarted, job.Completed)})
	check := stepJob(job.Check)
	if check.Agent != keeper.id || check.Spec.Check == nil || check.Spec.Check.Depth != job.CheckRepository {
		t.Errorf("%+v", check.Spec)
	}
	r.await("the second step", func() bool { return r.maintenanceOf(backup.ID) == "running_check" })
	keeper.send(&fleetv1.JobReport{Key: check.Key[:], Register: register(1, job.PhaseStarted, job.Completed)})
	r.await("the end", func() bool { return r.maintenanceOf(backup.ID) == "maintenance_completed" })

	// Where it cannot be ordered, that is what the backup says.
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error {
		kept.Path = "/elsewhere"
		return tx.PutRepository(kept)
	}))
	second := host.fires(v, owner, fire.Add(time.Minute), register(1, job.PhaseStarted, job.Completed))
	r.await("the refusal", func() bool { return r.maintenanceOf(second.ID) == "prune_failed" })
	real := job.StepKey(second.Key, job.Prune)
	id, _, err := r.st.JobByKey(job.StepKey(real, job.Prune))
	must(t, err)
	if j := r.job(id); j.Verdict == nil || j.Verdict.ErrorCode != "maintainer_unable" || !strings.Contains(j.Verdict.ErrorMessage, "keeper") {
		t.Errorf("%+v", j.Verdict)
	}

	// The maintainer has it after all: it was ordered before this store was restored.
	kept.Path = "ssh://h/r"
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error { return tx.PutRepository(kept) }))
	had := job.Spec{
		Kind: job.Prune, Repository: kept.Repository, CreatedAt: fire, StartDeadline: fire.Add(48 * time.Hour), TriggeredBy: job.BySchedule,
		ScheduleID: v.ID, Parent: second.Key, Prune: def.After.Prune,
	}
	if j := keeper.brings(real, had, register(1, job.PhaseStarted, job.Completed)); j.Agent != keeper.id {
		t.Errorf("%+v", j)
	}
	r.await("what it says counts", func() bool {
		steps := r.job(second.ID).Steps
		return len(steps) > 0 && steps[0].Kind == job.Prune && steps[0].Status == job.Completed
	})
}

// TestWhatShouldHaveFired is told, with the reason, and what has is not.
func TestWhatShouldHaveFired(t *testing.T) {
	r := newRig(t)
	day := r.clock().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	r.set(day.Add(12 * time.Hour))
	p := r.agent("host")
	repo := r.repository(p, "/one")
	p.connect("s1")
	def := nightly("a")
	def.Zone = ""
	v := r.schedule(def, repo)
	at := func() ScheduledView {
		t.Helper()
		v, err := r.s.Schedule(t.Context(), v.ID)
		must(t, err)
		return v.At[0]
	}
	if got := at(); got.Zone != "" || !got.NextRun.IsZero() {
		t.Errorf("the host's zone is not known yet: %+v", got)
	}
	tells := func(states ...schedule.State) {
		t.Helper()
		must(t, p.stream.Send(&fleetv1.ReportRequest{Schedules: wire.FromScheduleStates(states, "Asia/Kathmandu")}))
		r.await("the timetable", func() bool {
			st, ok := r.s.timetables.state(p.id, scheduled{v.ID, repo.ID})
			return ok && len(st.Missed) == len(states[0].Missed) && st.Cron == states[0].Cron
		})
	}
	tells(schedule.State{Schedule: v.ID, Repository: repo.ID, Cron: "0 5 * * *"})
	r.await("the zone", func() bool { return at().Zone == "Asia/Kathmandu" })
	wants := func(what, due, why string) {
		t.Helper()
		got := at()
		text := ""
		if !got.OverdueAt.IsZero() {
			text = got.OverdueAt.Sub(day).String()
		}
		if text != due || !strings.Contains(got.Why, why) {
			t.Errorf("%s: overdue since %q because %q, want %q because %q", what, text, got.Why, due, why)
		}
	}
	if got := at().NextRun.Sub(day).String(); got != "20h15m0s" {
		t.Errorf("next at %s", got)
	}
	wants("before it is due", "", "")
	r.set(day.Add(20*time.Hour + 20*time.Minute))
	wants("a moment later its host may be about to tell", "", "")
	r.set(day.Add(22 * time.Hour))
	wants("the host goes by an older one", "20h15m0s", `still goes by "0 5 * * *"`)
	tells(schedule.State{Schedule: v.ID, Repository: repo.ID, Cron: def.Cron})
	wants("nobody knows why", "20h15m0s", "its host has not said why")
	due := day.Add(20*time.Hour + 15*time.Minute)
	tells(schedule.State{Schedule: v.ID, Repository: repo.ID, Cron: def.Cron, Missed: []schedule.Missed{{First: due, Last: due, Count: 1, Reason: schedule.MissedOverlap}}})
	wants("the host says why", "20h15m0s", schedule.MissedOverlap)
	p.fires(v, repo, due, register(1, job.PhaseStarted, job.Failed))
	r.await("it in the history", func() bool { return at().Last.ID != 0 })
	wants("it was made after all", "", "")
	if got := at(); got.Last.ID == 0 || got.Last.Status != job.Failed {
		t.Errorf("%+v", got)
	}
	p.disconnect()
	r.set(day.Add(46 * time.Hour))
	wants("the host is away", "44h15m0s", "last heard of at ")
	must(t, errOf(r.s.ChangeSchedule(t.Context(), v.ID, func(d schedule.Schedule, at []int64) (schedule.Schedule, []int64) {
		d.Enabled = false
		return d, at
	})))
	wants("paused", "", "")
	runs, unknown, err := r.s.NextRuns(t.Context(), v.ID, 2)
	if got := fmt.Sprint(len(runs), unknown, err); got != "2 [] <nil>" || runs[1].At.Sub(day) != 92*time.Hour+15*time.Minute {
		t.Errorf("%s %+v", got, runs)
	}
}

// TestTimetableOfWhatThereIs: of what a host tells only that is kept which is
// scheduled for it, and nothing once it is revoked or deleted.
func TestTimetableOfWhatThereIs(t *testing.T) {
	r := newRig(t)
	p, other, gone := r.agent("host"), r.agent("other"), r.agent("gone")
	one, two, three := r.repository(p, "/one"), r.repository(p, "/two"), r.repository(other, "/three")
	v := r.schedule(nightly("a"), one, three)
	told := []schedule.State{{Schedule: v.ID, Repository: one.ID, Cron: "here"}, {Schedule: v.ID, Repository: two.ID}, {Schedule: v.ID, Repository: three.ID}, {Schedule: v.ID + 1, Repository: one.ID}}
	for i := range int64(5000) {
		told = append(told, schedule.State{Schedule: v.ID, Repository: 1000 + i, Missed: []schedule.Missed{{Count: 1}}})
	}
	kept := func(id string) int {
		r.s.timetables.mu.Lock()
		defer r.s.timetables.mu.Unlock()
		if _, known := r.s.timetables.by[id]; !known {
			return -1
		}
		return len(r.s.timetables.by[id])
	}
	for i, tells := range []*puppet{p, gone} {
		tells.connect(fmt.Sprint("s", i))
		must(t, tells.stream.Send(&fleetv1.ReportRequest{Schedules: wire.FromScheduleStates(told, "UTC")}))
		r.await("the timetable", func() bool { return kept(tells.id) >= 0 })
	}
	if st, ok := r.s.timetables.state(p.id, scheduled{v.ID, one.ID}); !ok || st.Cron != "here" || kept(p.id) != 1 || kept(gone.id) != 0 {
		t.Errorf("%v %+v, and %d and %d are kept", ok, st, kept(p.id), kept(gone.id))
	}
	must(t, errOf(r.s.RevokeAgent(t.Context(), "host", "test")))
	must(t, r.s.DeleteAgent(t.Context(), "gone", "test"))
	if kept(p.id) != -1 || kept(gone.id) != -1 {
		t.Errorf("kept of a revoked agent: %d, of a deleted one: %d", kept(p.id), kept(gone.id))
	}
	for _, expelled := range []*puppet{p, gone} {
		se := &session{agent: expelled.id}
		ctx, end := context.WithCancel(t.Context())
		end()
		se.ctx = ctx
		r.s.timetables.put(se, map[scheduled]schedule.State{{v.ID, one.ID}: {}})
		if kept(expelled.id) != -1 {
			t.Error("what came when it was expelled is kept")
		}
	}
}

// TestRunNow starts what can be started, with what follows.
func TestRunNow(t *testing.T) {
	r := newRig(t)
	p := r.agent("host")
	repo, broken := r.repository(p, "/one"), r.repository(p, "/two")
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error {
		repo.Retention, broken.Retention = job.Keep{Daily: 3}, job.Keep{Daily: 3}
		broken.Status, broken.ErrorMessage = store.RepositoryFailed, "no space"
		return errOf(0, firstOf(tx.PutRepository(repo), tx.PutRepository(broken)))
	}))
	def := nightly("a")
	def.Enabled, def.CheckEvery = false, 7*24*time.Hour
	def.After = job.After{Prune: &job.PruneSpec{}, Check: &job.CheckSpec{}}
	v := r.schedule(def, repo, broken)
	run := func() job.Job {
		t.Helper()
		out, err := r.s.RunSchedule(t.Context(), v.ID, "ann")
		must(t, err)
		if len(out.Jobs) != 1 || len(out.Skipped) != 1 || !strings.Contains(out.Skipped[0], "no space") {
			t.Fatalf("%+v", out)
		}
		return r.job(out.Jobs[0].ID)
	}
	j := run()
	if j.Spec.ScheduleID != v.ID || j.Spec.TriggeredBy != job.ByManual || j.Spec.RequestedBy != "ann" || !slices.Equal(j.Spec.After.Steps(), []job.Kind{job.Prune, job.Check}) || j.Spec.After.Prune.Keep.Daily != 3 {
		t.Errorf("%+v", j.Spec)
	}
	p.connect("s1")
	p.announce(job.Check, repo, register(1, job.PhaseStarted, job.Completed), nil)
	if j := run(); !slices.Equal(j.Spec.After.Steps(), []job.Kind{job.Prune}) {
		t.Errorf("a check was made already: %+v", j.Spec.After)
	}
	must(t, r.s.DeleteSchedule(t.Context(), v.ID))
	refusedAs(t, "it is gone", errOf(r.s.RunSchedule(t.Context(), v.ID, "ann")), "schedule_not_found")
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestHeldSchedules: a restored store takes a host's schedules back, under their
// keys, so that no fire time makes a second backup.
func TestHeldSchedules(t *testing.T) {
	r := newRig(t)
	p := r.agent("host")
	repo, others := r.repository(p, "/one"), r.repository(r.agent("other"), "/two")
	old := r.schedule(nightly("old"), repo, others)
	before := r.st.SchedulesOf(others.ID)[0].Key
	if before == r.st.SchedulesOf(repo.ID)[0].Key {
		t.Error("two hosts are told the same key: each could make up the other's jobs")
	}
	held := nightly("a")
	held.ID, held.Key = old.ID, schedule.NewKey()
	p.connect("s1")
	holds := func(by ...schedule.Schedule) {
		t.Helper()
		def := wire.FromRepository(repo.Repository)
		def.Schedules = wire.FromSchedules(by)
		must(t, p.stream.Send(&fleetv1.ReportRequest{Held: &fleetv1.HeldRepositories{Repositories: []*fleetv1.Repository{def}}}))
		r.await("what is held", func() bool {
			all := r.s.Held(t.Context())
			return len(all) == 1 && len(all[0].Schedules) == len(by) && !all[0].Settled && (len(by) == 0 || all[0].Schedules[0].Cron == by[0].Cron)
		})
		must(t, r.s.SettleHeld(t.Context(), "host", repo.ID, true, "test"))
	}
	rules := func(want ...string) {
		t.Helper()
		var got []string
		all, err := r.s.Schedules(t.Context())
		must(t, err)
		for _, one := range all {
			got = append(got, fmt.Sprintf("%s %s %v", one.Name, one.Cron, one.Schedule.Repositories))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	told := func() schedule.Key {
		t.Helper()
		return r.st.SchedulesOf(repo.ID)[0].Key
	}
	// It says the same as one that is there, under a key that this store has lost.
	holds(held)
	rules("old 0 2 * * * [1 2]")
	if told() != held.Key {
		t.Error("the host is told another key, under which it makes a second backup")
	}
	// It says something else: that is for itself, and the other host's stays.
	held.Cron = "0 2 29 2 *"
	holds(held)
	rules("old 0 2 * * * [2]", "a 0 2 29 2 * [1]")
	if told() != held.Key || r.st.SchedulesOf(others.ID)[0].Key != before {
		t.Error("keys are other ones")
	}
	holds()
	rules("old 0 2 * * * [2]", "a 0 2 29 2 * []")
	// What is for this host alone is changed as it is.
	solo := r.schedule(nightly("solo"), repo)
	edited := r.st.SchedulesOf(repo.ID)[0]
	edited.Cron = "0 5 * * *"
	holds(edited)
	rules("old 0 2 * * * [2]", "a 0 2 29 2 * []", "solo 0 5 * * * [1]")
	if v, err := r.s.Schedule(t.Context(), solo.ID); err != nil || v.Cron != "0 5 * * *" || told() != edited.Key {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestAThiefsBackups: what a host makes up is followed by nothing on the maintainer,
// and what a schedule explains by what that says; and only such jobs are waited for
// by others.
func TestAThiefsBackups(t *testing.T) {
	r := newRig(t)
	thief, keeper, own, kept := r.maintained("thief")
	thief.connect("s1")
	keeper.connect("s2")
	def := nightly("a")
	def.Zone, def.CatchUp = "UTC", 24*time.Hour
	def.After = job.After{Prune: &job.PruneSpec{Keep: job.Keep{Daily: 7}}}
	v := r.schedule(def, own)
	day := r.clock().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	r.set(day.Add(12 * time.Hour))
	due := day.Add(2 * time.Hour)
	v.After = job.After{Prune: &job.PruneSpec{Keep: job.Keep{Hourly: 1}}, Compact: true, Check: &job.CheckSpec{}}
	for what, fire := range map[string]time.Time{
		"when nothing is due": due.Add(time.Minute), "to come": due.Add(24 * time.Hour), "of long ago": due.Add(-96 * time.Hour),
	} {
		j := thief.fires(v, own, fire, register(1, job.PhaseStarted, job.Completed))
		id, made, err := r.st.JobByKey(job.StepKey(job.StepKey(j.Key, job.Prune), job.Prune))
		must(t, err)
		if step := r.job(id); !j.Announced || !made || step.Agent != thief.id || step.Verdict == nil || step.Verdict.ErrorCode != "backup_unexplained" {
			t.Errorf("%s: %+v, followed by %+v", what, j, step)
		}
	}
	if jobs := r.st.Active(keeper.id); len(jobs) != 0 {
		t.Errorf("the maintainer is to do %+v", jobs)
	}
	running := thief.fires(v, own, due, register(1, job.PhaseStarted, ""))
	if got := r.start(kept.Path, "keeper"); running.Announced || r.waiting(got.ID) != fmt.Sprintf("repository busy (job %d)", running.ID) {
		t.Errorf("%+v is waited for as %q", running, r.waiting(got.ID))
	}
	thief.send(&fleetv1.JobReport{Key: running.Key[:], Register: register(2, job.PhaseStarted, job.Completed)})
	r.await("the prune", func() bool {
		_, made, err := r.st.JobByKey(job.StepKey(running.Key, job.Prune))
		return err == nil && made
	})
	id, _, err := r.st.JobByKey(job.StepKey(running.Key, job.Prune))
	must(t, err)
	if prune := r.job(id); prune.Agent != keeper.id || prune.Spec.Prune.Keep != (job.Keep{Daily: 7}) || len(r.job(running.ID).Spec.After.Steps()) != 1 {
		t.Errorf("what the thief says is kept: %+v", prune.Spec.Prune)
	}
}

// TestAThiefOnTheSameSchedule cannot tell the keys of another host's jobs, which it
// would only have to use up; and what it says that its maintainer has done is not
// taken for it.
func TestAThiefOnTheSameSchedule(t *testing.T) {
	r := newRig(t)
	victim, thief, keeper := r.agent("victim"), r.agent("thief"), r.agent("keeper")
	theirs, own := r.repository(victim, "/v"), r.repository(thief, "ssh://h/r")
	r.repository(keeper, "ssh://h/r")
	must(t, r.names(own, "keeper"))
	own, _ = r.st.Repository(own.ID)
	thief.connect("s2")
	keeper.connect("s3")
	def := nightly("a")
	def.After = job.After{Check: &job.CheckSpec{Depth: job.CheckData}}
	v := r.schedule(def, theirs, own)
	fire := r.clock().UTC().Truncate(24 * time.Hour).Add(26 * time.Hour)
	r.set(fire.Add(2 * time.Hour))
	told := r.st.SchedulesOf(own.ID)[0]
	if told.JobKey(theirs.ID, fire, 0) == r.st.SchedulesOf(theirs.ID)[0].JobKey(theirs.ID, fire, 0) || told.Key == v.Key {
		t.Error("it knows the keys of the other's jobs")
	}
	key := told.JobKey(own.ID, fire, 0)
	forged := job.Spec{Kind: job.Check, Repository: own.Repository, CreatedAt: fire, StartDeadline: fire.Add(time.Hour), Parent: key, ScheduleID: v.ID, TriggeredBy: job.BySchedule, Check: def.After.Check}
	forged.Repository.Maintainer = ""
	thief.brings(job.StepKey(key, job.Check), forged, ends(fire, fire, 0, nil))
	j := thief.fires(v, own, fire, ends(fire, fire.Add(time.Hour), 0, nil))
	r.await("the maintainer is asked", func() bool { return len(r.st.Active(keeper.id)) == 1 })
	if got := r.maintenanceOf(j.ID); got != "running_check" {
		t.Errorf("%s", got)
	}
}

// TestBackAfterDays: what a host made by itself while it was out of contact for
// longer than anything is made up for is explained all the same; what it cannot have
// made is not.
func TestBackAfterDays(t *testing.T) {
	r := newRig(t)
	host := r.agent("host")
	repo := r.repository(host, "/r")
	host.connect("s1")
	v := r.schedule(nightly("a"), repo)
	host.disconnect()
	day := r.clock().UTC().Truncate(24 * time.Hour)
	r.set(day.AddDate(0, 0, 6).Add(12 * time.Hour))
	host.connect("s1")
	for d, explained := range map[int]bool{-1: false, 1: true, 2: true, 5: true, 7: false} {
		fire := day.AddDate(0, 0, d).Add(2 * time.Hour)
		if j := host.fires(v, repo, fire, ends(fire, fire.Add(time.Hour), 0, nil)); j.Announced == explained {
			t.Errorf("day %d: explained %v", d, !j.Announced)
		}
	}
	must(t, errOf(r.s.ChangeSchedule(t.Context(), v.ID, func(d schedule.Schedule, at []int64) (schedule.Schedule, []int64) {
		d.Enabled = false
		return d, at
	})))
	r.set(day.AddDate(0, 0, 8))
	paused := day.AddDate(0, 0, 7).Add(2 * time.Hour)
	if j := host.brings(job.Key{7}, job.Spec{
		Kind: job.Backup, Repository: repo.Repository, CreatedAt: paused, FireTime: paused, StartDeadline: paused.Add(time.Hour), TriggeredBy: job.BySchedule, ScheduleID: v.ID, Attempt: 0,
	}, ends(paused, paused, 0, nil)); !j.Announced {
		t.Error("a run while it was paused is explained")
	}
}

// TestAStepOfWhichNothingIsHeard does not run for ever.
func TestAStepOfWhichNothingIsHeard(t *testing.T) {
	r := newRig(t)
	p := r.agent("host")
	repo := r.repository(p, "/r")
	def := nightly("a")
	def.After = job.After{Prune: &job.PruneSpec{Keep: job.Keep{Daily: 7}}}
	v := r.schedule(def, repo)
	p.connect("s1")
	fire := r.clock().UTC().Truncate(24 * time.Hour).Add(26 * time.Hour)
	wants := func(at time.Time, want string, id int64) {
		t.Helper()
		r.set(at)
		if got := r.maintenanceOf(id); got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
	r.set(fire.Add(time.Hour))
	j := p.fires(v, repo, fire, ends(fire, fire.Add(time.Hour), 0, nil))
	wants(fire.Add(23*time.Hour), "running_prune", j.ID)
	wants(fire.Add(26*time.Hour), "prune_failed", j.ID)
	r.await("the schedule says it too", func() bool { // from memory, which follows the store
		v, err := r.s.Schedule(t.Context(), v.ID)
		must(t, err)
		return v.At[0].LastSteps == "prune_failed"
	})
	p.disconnect()
	p.connect("s1")
	wants(fire.Add(26*time.Hour), "running_prune", j.ID) // it may be about to tell
	must(t, errOf(r.s.RevokeAgent(t.Context(), p.id, "test")))
	wants(fire.Add(2*time.Hour), "prune_failed", j.ID)
}
