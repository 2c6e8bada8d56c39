package timetable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"borgfleet/agent/internal/daemon"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/memory"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

// host keeps job directories as the daemon does, and starts nothing.
type host struct {
	t    *testing.T
	jobs string
	by   []daemon.Scheduled
	dirs map[job.Key]*jobdir.Dir
	turn chan struct{}
	fail error

	linked atomic.Bool

	mu    sync.Mutex
	fired []string // guarded by mu
}

func (h *host) Scheduled() []daemon.Scheduled { return h.by }
func (h *host) Turn() <-chan struct{}         { return h.turn }
func (h *host) Stir()                         {}

func (h *host) Linked() (bool, time.Time) { return h.linked.Load(), time.Time{} }

func (h *host) Dirs() (all []*jobdir.Dir) {
	for _, d := range h.dirs {
		all = append(all, d)
	}
	return all
}

func (h *host) Fire(key job.Key, spec job.Spec) error {
	if h.fail != nil {
		return h.fail
	}
	dir, err := jobdir.Create(h.jobs, key, spec, job.PhaseAnnounced)
	if errors.Is(err, jobdir.ErrExists) {
		return nil
	}
	if err != nil {
		return err
	}
	h.dirs[key] = dir
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fired = append(h.fired, fmt.Sprintf("%s %d", spec.FireTime.Format("02 15:04"), spec.Attempt))
	return nil
}

// fixture is a timetable with a clock that the test sets.
type fixture struct {
	*host
	table *Timetable
	dir   string
	now   time.Time
	zone  *time.Location
	s     schedule.Schedule
	repo  job.Repository
}

func newFixture(t *testing.T, change func(*schedule.Schedule)) *fixture {
	t.Helper()
	dir := t.TempDir()
	f := &fixture{
		host: &host{t: t, jobs: t.TempDir(), dirs: map[job.Key]*jobdir.Dir{}, turn: make(chan struct{})},
		dir:  dir, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), zone: time.UTC, repo: job.Repository{ID: 7, Name: "r", Path: "/r"},
		s: schedule.Schedule{
			ID: 3, Key: schedule.Key{1}, Name: "nightly", Cron: "0 2 * * *", Enabled: true, CatchUp: schedule.DefaultCatchUp,
			Overlap: schedule.OverlapSkip, RetryDelay: schedule.DefaultRetryDelay,
		},
	}
	if change != nil {
		change(&f.s)
	}
	f.define()
	f.open()
	f.table.look()
	return f
}

func (f *fixture) define() {
	f.by = []daemon.Scheduled{{Repository: f.repo, By: []*fleetv1.Schedule{wire.FromSchedule(f.s)}}}
}

// open begins anew from what is on the disk, as a restart does.
func (f *fixture) open() {
	f.table = New(Options{
		Host: f.host, Dir: filepath.Join(f.dir, "schedules"), Checked: filepath.Join(f.dir, "checked"),
		Now: func() time.Time { return f.now }, Zone: func() (*time.Location, string) { return f.zone, f.zone.String() }, Logger: slog.New(slog.DiscardHandler),
	})
}

// at looks at the clock at a day and time of March 2026.
func (f *fixture) at(when string) time.Duration {
	f.t.Helper()
	at, err := time.Parse("2006-01 02 15:04", "2026-03 "+when)
	if err != nil {
		f.t.Fatal(err)
	}
	f.now = at
	return f.table.look()
}

func (f *fixture) wants(fires ...string) {
	f.t.Helper()
	if !slices.Equal(f.fired, fires) {
		f.t.Errorf("at %s: fired %q, want %q", f.now.Format("02 15:04"), f.fired, fires)
	}
}

func (f *fixture) missed() string {
	states, _, _ := f.table.States()
	if len(states) == 0 || len(states[0].Missed) == 0 {
		return ""
	}
	return states[0].Missed[len(states[0].Missed)-1].Reason
}

// ends gives a run its verdict.
func (f *fixture) ends(fire string, attempt int, status job.Status, code string) {
	f.t.Helper()
	for _, d := range f.dirs {
		if s := d.Spec(); s.FireTime.Format("02 15:04") == fire && s.Attempt == attempt {
			lock, err := d.TryLock()
			if err != nil {
				f.t.Fatal(err)
			}
			defer lock.Close()
			if err := d.WriteVerdict(job.Verdict{Status: status, ErrorCode: code, StartedAt: f.now, EndedAt: f.now}); err != nil {
				f.t.Fatal(err)
			}
			return
		}
	}
	f.t.Fatalf("nothing was fired for %s", fire)
}

func (f *fixture) starts(fire string) {
	f.t.Helper()
	for _, d := range f.dirs {
		if d.Spec().FireTime.Format("02 15:04") == fire {
			lock, err := d.TryLock()
			if err != nil {
				f.t.Fatal(err)
			}
			defer lock.Close()
			if err := d.Update(func(r *job.Register) { r.Phase, r.StartedAt = job.PhaseStarted, f.now }); err != nil {
				f.t.Fatal(err)
			}
		}
	}
}

// TestFiresOnce: at its time, whatever is looked at again, started anew, lost or
// told twice.
func TestFiresOnce(t *testing.T) {
	f := newFixture(t, nil)
	f.at("02 01:59")
	f.wants()
	f.at("02 02:00")
	f.wants("02 02:00 0")
	var spec job.Spec
	for _, d := range f.dirs {
		spec = d.Spec()
	}
	if spec.TriggeredBy != job.BySchedule || spec.ScheduleID != 3 || spec.StartDeadline.Format("02 15:04") != "03 02:00" || spec.CreatedAt.Format("02 15:04") != "02 02:00" {
		t.Errorf("%+v", spec)
	}
	f.at("02 02:01")
	f.open()
	f.at("02 02:02")
	f.by = append(f.by, f.by[0]) // told twice
	f.at("02 02:03")
	f.define()
	f.wants("02 02:00 0")
	f.ends("02 02:00", 0, job.Completed, "")

	// What is remembered is lost: then it begins anew, and misses nothing.
	f.dir = t.TempDir()
	f.open()
	f.at("02 02:04")
	f.at("03 02:00")
	f.wants("02 02:00 0", "03 02:00 0")
	f.at("01 23:00") // the clock is set back
	f.at("02 02:00")
	f.at("03 02:00")
	f.wants("02 02:00 0", "03 02:00 0")
}

// TestAway for days: one run is made up for, and it is told what was missed.
func TestAway(t *testing.T) {
	f := newFixture(t, nil)
	f.at("05 09:00")
	f.wants("05 02:00 0")
	if got := f.missed(); got != schedule.MissedMadeUp {
		t.Errorf("missed because %q", got)
	}
	f.open()
	f.at("05 09:01")
	if got := f.missed(); got != schedule.MissedMadeUp {
		t.Errorf("after a restart: missed because %q", got)
	}
}

// TestOverlap: while a run has not ended the next one is left out, or one waits.
func TestOverlap(t *testing.T) {
	skips := newFixture(t, nil)
	skips.at("02 02:00")
	skips.starts("02 02:00")
	skips.at("03 02:00")
	skips.wants("02 02:00 0")
	if got := skips.missed(); got != schedule.MissedOverlap {
		t.Errorf("missed because %q", got)
	}
	skips.ends("02 02:00", 0, job.Completed, "")
	skips.at("04 02:00")
	skips.wants("02 02:00 0", "04 02:00 0")
	// It never began and its deadline is over: it is no run any more.
	skips.at("05 02:00")
	skips.wants("02 02:00 0", "04 02:00 0", "05 02:00 0")

	queues := newFixture(t, func(s *schedule.Schedule) { s.Overlap = schedule.OverlapQueue; s.Cron = "0 * * * *" })
	queues.at("02 02:00")
	queues.starts("02 02:00")
	queues.at("02 03:00")
	queues.wants("02 02:00 0", "02 03:00 0")
	for _, d := range queues.dirs {
		if s := d.Spec(); s.FireTime.Hour() == 3 && s.StartDeadline.Hour() != 4 {
			t.Errorf("it may wait until %s", s.StartDeadline)
		}
	}
}

// TestLeftOutIsNotMadeUpFor: the host slept in the middle of a backup.
func TestLeftOutIsNotMadeUpFor(t *testing.T) {
	f := newFixture(t, nil)
	f.at("02 02:00")
	f.starts("02 02:00")
	f.at("05 09:00")
	f.wants("02 02:00 0")
	states, _, _ := f.table.States()
	if m := states[0].Missed; len(m) != 1 || m[0].Count != 3 || m[0].First.Day() != 3 || m[0].Last.Day() != 5 || m[0].Reason != schedule.MissedOverlap {
		t.Errorf("%+v", m)
	}
}

// TestACrashBeforeItIsRemembered: the job is there, the memory is as before. It is
// no run that is in its own way.
func TestACrashBeforeItIsRemembered(t *testing.T) {
	f := newFixture(t, nil)
	file := filepath.Join(f.dir, "schedules", "7.json")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f.at("02 02:00")
	f.starts("02 02:00")
	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	f.open()
	f.at("02 02:01")
	f.wants("02 02:00 0")
	if got := f.missed(); got != "" {
		t.Errorf("missed because %q", got)
	}
}

// TestRetries: what failed is tried again, later each time, until the next run.
func TestRetries(t *testing.T) {
	f := newFixture(t, func(s *schedule.Schedule) { s.Retries, s.RetryDelay = 2, 10*time.Minute })
	f.at("02 02:00")
	f.now = f.now.Add(5 * time.Minute)
	f.ends("02 02:00", 0, job.Failed, "lock_timeout")
	if wait := f.at("02 02:06"); wait > 30*time.Second {
		t.Errorf("it looks again after %s", wait)
	}
	f.at("02 02:14")
	f.wants("02 02:00 0")
	f.at("02 02:15")
	f.at("02 02:15")
	f.open()
	f.at("02 02:16")
	f.wants("02 02:00 0", "02 02:00 1")
	f.ends("02 02:00", 1, job.Failed, "lock_timeout")
	f.at("02 02:35")
	f.wants("02 02:00 0", "02 02:00 1")
	f.at("02 02:36")
	f.wants("02 02:00 0", "02 02:00 1", "02 02:00 2")
	f.ends("02 02:00", 2, job.Failed, "lock_timeout")
	f.at("02 08:00")
	f.wants("02 02:00 0", "02 02:00 1", "02 02:00 2")

	for code, status := range map[string]job.Status{job.CodePolicy: job.Failed, "": job.Completed, job.CodeCancelled: job.Cancelled} {
		f := newFixture(t, func(s *schedule.Schedule) { s.Retries = 3 })
		f.at("02 02:00")
		f.ends("02 02:00", 0, status, code)
		f.at("02 12:00")
		f.wants("02 02:00 0")
	}
}

// TestNoRetries beside another run, at its time, or of what failed before a pause.
func TestNoRetries(t *testing.T) {
	failed := func(after time.Duration, change func(*schedule.Schedule)) *fixture {
		f := newFixture(t, func(s *schedule.Schedule) {
			s.Retries, s.RetryDelay = 2, 10*time.Minute
			if change != nil {
				change(s)
			}
		})
		f.at("02 02:00")
		f.now = f.now.Add(after)
		f.ends("02 02:00", 0, job.Failed, "lock_timeout")
		return f
	}
	asleep := failed(time.Minute, nil)
	asleep.at("05 09:00")
	asleep.at("05 09:01")
	asleep.wants("02 02:00 0", "05 02:00 0")

	unseen := failed(78*time.Hour, nil) // it went on, and no agent ran
	unseen.at("05 09:00")
	unseen.at("05 09:01")
	unseen.wants("02 02:00 0", "05 02:00 0")

	late := failed(time.Minute, func(s *schedule.Schedule) { s.CatchUp = 0 })
	late.at("05 09:00")
	late.wants("02 02:00 0")

	hourly := failed(50*time.Minute, func(s *schedule.Schedule) { s.Cron = "0 * * * *" })
	hourly.at("02 02:51")
	hourly.at("02 03:00")
	hourly.at("02 03:01")
	hourly.wants("02 02:00 0", "02 03:00 0")

	for _, again := range []string{"02 02:30", "20 12:00"} {
		paused := failed(time.Minute, nil)
		paused.s.Enabled = false
		paused.define()
		paused.at("02 02:05")
		paused.at(again)
		paused.s.Enabled = true
		paused.define()
		paused.table.look()
		paused.at(again[:3] + "13:00")
		paused.wants("02 02:00 0")
	}
}

// TestRunsOfAFuture that the clock has been in are neither tried again nor in the
// place of those that are.
func TestRunsOfAFuture(t *testing.T) {
	f := newFixture(t, func(s *schedule.Schedule) { s.Retries, s.RetryDelay = 2, 10*time.Minute })
	f.now = time.Date(2036, 3, 10, 2, 0, 0, 0, time.UTC)
	for range 2 * mostRuns {
		f.table.look()
		f.ends(f.now.Format("02 15:04"), 0, job.Failed, "lock_timeout")
		f.now = f.now.AddDate(0, 0, 1)
	}
	f.fired = nil
	f.at("01 13:00")
	f.at("02 02:00")
	f.starts("02 02:00")
	f.at("03 02:00")
	f.wants("02 02:00 0")
	f.ends("02 02:00", 0, job.Failed, "lock_timeout")
	f.at("03 02:12")
	f.wants("02 02:00 0", "02 02:00 1")
}

// TestARetryAfterARunThatWasLeftOut: the one that fails was in its way.
func TestARetryAfterARunThatWasLeftOut(t *testing.T) {
	f := newFixture(t, func(s *schedule.Schedule) { s.Cron = "0 * * * *"; s.Retries, s.RetryDelay = 2, 10*time.Minute })
	f.at("02 02:00")
	f.starts("02 02:00")
	f.at("02 03:00")
	f.now = f.now.Add(10 * time.Minute)
	f.ends("02 02:00", 0, job.Failed, "lock_timeout")
	f.at("02 03:20")
	f.wants("02 02:00 0", "02 02:00 1")
}

// TestPaused: nothing fires, and nothing of it is made up for.
func TestPaused(t *testing.T) {
	f := newFixture(t, nil)
	f.s.Enabled = false
	f.define()
	f.at("02 02:00")
	f.at("03 01:00")
	f.s.Enabled = true
	f.define()
	f.at("03 01:30")
	f.wants()
	f.at("03 02:00")
	f.wants("03 02:00 0")
	f.ends("03 02:00", 0, job.Completed, "")

	// While it rests the job's directory may go, and the key with it.
	f.s.Enabled = false
	f.define()
	f.at("03 02:01")
	for _, d := range f.dirs {
		if err := d.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	clear(f.dirs)
	f.open()
	f.at("03 01:00") // the clock is set back
	f.s.Enabled = true
	f.define()
	f.at("03 01:30")
	f.at("03 02:00")
	f.at("04 02:00")
	f.wants("03 02:00 0", "04 02:00 0")
}

// TestWhatIsNotGoneByIsRemembered: a schedule that this agent cannot read, or that is
// one too many, has fired what it has fired.
func TestWhatIsNotGoneByIsRemembered(t *testing.T) {
	other := wire.FromSchedule(schedule.Schedule{ID: 4, Key: schedule.Key{2}, Name: "other", Cron: "0 3 1 1 *", CatchUp: schedule.DefaultCatchUp, Overlap: schedule.OverlapSkip, RetryDelay: schedule.DefaultRetryDelay})
	for what, rest := range map[string]func(*fixture){
		"unreadable": func(f *fixture) { f.by[0].By[0].Cron = "nonsense" },
		"too many": func(f *fixture) {
			f.by[0].By = append(slices.Repeat([]*fleetv1.Schedule{other}, mostSchedules), f.by[0].By...)
		},
	} {
		f := newFixture(t, nil)
		f.at("02 02:00")
		rest(f)
		f.at("02 02:01")
		for key, d := range f.dirs {
			if err := d.Remove(); err != nil {
				t.Fatal(err)
			}
			delete(f.dirs, key)
		}
		f.open()
		f.at("02 02:02")
		f.at("03 02:00")
		f.at("01 23:00") // the clock is set back
		f.define()
		f.at("01 23:01")
		f.at("02 02:00")
		f.at("03 02:00")
		t.Log(what)
		f.wants("02 02:00 0", "03 02:00 0")
	}
}

// TestAMadeRunIsNotMissed: after a crash that took the memory of it.
func TestAMadeRunIsNotMissed(t *testing.T) {
	f := newFixture(t, nil)
	before, err := os.ReadFile(f.table.memory.file(f.repo.ID))
	if err != nil {
		t.Fatal(err)
	}
	f.at("02 02:00")
	f.ends("02 02:00", 0, job.Completed, "")
	if err := os.WriteFile(f.table.memory.file(f.repo.ID), before, 0o600); err != nil {
		t.Fatal(err)
	}
	f.open()
	f.at("05 03:00")
	f.wants("02 02:00 0", "05 02:00 0")
	states, _, _ := f.table.States()
	if m := states[0].Missed; len(m) != 1 || m[0].Count != 2 || m[0].First.Day() != 3 || m[0].Last.Day() != 4 {
		t.Errorf("%+v", m)
	}
}

// TestADiskThatFails does not lose a run: it is made when the disk works again.
func TestADiskThatFails(t *testing.T) {
	f := newFixture(t, nil)
	f.fail = errors.New("input/output error")
	f.at("02 02:00")
	states, _, _ := f.table.States()
	if !strings.Contains(states[0].Problem, "input/output error") {
		t.Errorf("%+v", states)
	}
	f.fail = nil
	f.at("02 02:10")
	f.wants("02 02:00 0")
	f.fail = fmt.Errorf("%w: 256 jobs", daemon.ErrFull)
	f.at("03 02:00")
	f.wants("02 02:00 0")
	if got := f.missed(); !strings.Contains(got, "256 jobs") {
		t.Errorf("missed because %q", got)
	}
}

// TestWhatFollows is decided when the backup is made.
func TestWhatFollows(t *testing.T) {
	f := newFixture(t, func(s *schedule.Schedule) {
		s.After = job.After{Prune: &job.PruneSpec{}, Check: &job.CheckSpec{}}
		s.CheckEvery = 7 * 24 * time.Hour
	})
	f.repo.Retention = job.Keep{Daily: 5}
	f.define()
	after := func(day string) job.After {
		t.Helper()
		f.at(day + " 02:00")
		for _, d := range f.dirs {
			if s := d.Spec(); s.FireTime.Format("02") == day {
				f.ends(day+" 02:00", 0, job.Completed, "")
				return s.After
			}
		}
		t.Fatalf("nothing on the %s", day)
		return job.After{}
	}
	if a := after("02"); a.Prune.Keep.Daily != 5 || a.Check == nil {
		t.Errorf("%+v", a)
	}
	if a := after("03"); a.Check == nil {
		t.Error("no check, and none has been made")
	}
	checked := memory.Of[daemon.Checked]{Dir: filepath.Join(f.dir, "checked")}
	if err := checked.Put(7, daemon.Checked{At: time.Date(2026, 3, 3, 2, 0, 0, 0, time.UTC)}); err != nil {
		t.Fatal(err)
	}
	for _, day := range []string{"04", "09"} {
		if a := after(day); a.Check != nil {
			t.Errorf("on the %s: %+v", day, a)
		}
	}
	if a := after("10"); a.Check == nil {
		t.Error("a week later there is none")
	}
}

// TestTheHostMoves to another zone, and goes by it without a restart.
func TestTheHostMoves(t *testing.T) {
	f := newFixture(t, nil)
	f.at("02 02:00")
	_, _, version := f.table.States()
	kathmandu, err := time.LoadLocation("Asia/Kathmandu")
	if err != nil {
		t.Fatal(err)
	}
	f.zone = kathmandu
	f.at("02 02:01")
	states, zone, now := f.table.States()
	if zone != "Asia/Kathmandu" || now == version || states[0].Next.Format("02 15:04") != "02 20:15" {
		t.Errorf("%s, version %d after %d: %+v", zone, now, version, states)
	}
	f.ends("02 02:00", 0, job.Completed, "")
	f.at("02 20:15")
	f.wants("02 02:00 0", "02 20:15 0")
}

// TestRun fires by the real clock, and looks when it is told to.
func TestRun(t *testing.T) {
	f := newFixture(t, func(s *schedule.Schedule) { s.Cron = "* * * * *" })
	f.at("02 01:59")
	f.fired = nil
	f.now = time.Date(2026, 3, 2, 1, 59, 59, 990_000_000, time.UTC)
	began := time.Now()
	start := f.now
	f.table.o.Now = func() time.Time { return start.Add(time.Since(began)) }
	f.linked.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.table.Run(ctx) }()
	limit := time.After(10 * time.Second)
	for {
		f.mu.Lock()
		n := len(f.fired)
		f.mu.Unlock()
		if n > 0 {
			break
		}
		select {
		case <-limit:
			t.Fatal("nothing is fired")
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	<-done
	f.wants("02 02:00 0")
}

func TestHostZone(t *testing.T) {
	etc := t.TempDir()
	if loc, name := hostZone("Europe/Berlin", etc); name != "Europe/Berlin" || loc.String() != name {
		t.Errorf("%s %s", loc, name)
	}
	if loc, name := hostZone("", etc); name != "UTC" || loc != time.UTC {
		t.Errorf("without any setting: %s %s", loc, name)
	}
	if err := os.Symlink("/usr/share/zoneinfo/Asia/Kathmandu", filepath.Join(etc, "localtime")); err != nil {
		t.Fatal(err)
	}
	if loc, name := hostZone("", etc); name != "Asia/Kathmandu" || loc.String() != name {
		t.Errorf("by the link: %s %s", loc, name)
	}
	if loc, name := hostZone("nonsense", t.TempDir()); name != "" || loc != time.Local {
		t.Errorf("%s %s", loc, name)
	}
}

// TestHearsFirst: a controller that can be reached has its say before anything is
// fired after a start; one that cannot is not waited for for long.
func TestHearsFirst(t *testing.T) {
	f := newFixture(t, nil)
	heard := make(chan struct{})
	go func() { defer close(heard); f.table.hearFirst(t.Context(), time.Hour) }()
	select {
	case <-heard:
		t.Fatal("nobody has said anything")
	case <-time.After(200 * time.Millisecond):
	}
	f.linked.Store(true)
	<-heard
	f.linked.Store(false)
	f.table.hearFirst(t.Context(), time.Millisecond)
}
