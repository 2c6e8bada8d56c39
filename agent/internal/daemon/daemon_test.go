package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/state"
	"borgfleet/agent/internal/witness"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// TestMain makes this program a job process too: one that writes its verdict
// and is gone, or that dies without one.
func TestMain(m *testing.M) {
	if dir := os.Getenv("DAEMON_TEST_JOB"); dir != "" {
		os.Exit(jobProcess(dir))
	}
	os.Exit(m.Run())
}

func jobProcess(path string) int {
	d, err := jobdir.Open(path)
	if err != nil {
		return 1
	}
	lock, err := d.AdoptLock(3)
	if err != nil {
		return 1
	}
	defer lock.Close()
	// Every life leaves a mark, so that the test can count them.
	mark := filepath.Join(path, "lives")
	lives, _ := os.ReadFile(mark)
	if err := os.WriteFile(mark, append(lives, 'x'), 0o600); err != nil {
		return 1
	}
	if len(lives) == 0 && os.Getenv("DAEMON_TEST_DIE") != "" {
		return 1
	}
	v := job.Verdict{Status: job.Completed, EndedAt: time.Now()}
	if !time.Now().Before(d.Spec().StartDeadline) {
		v.Status, v.ErrorCode = job.Failed, job.CodeDeadline
	}
	if want, _ := d.Desired(); want == jobdir.Cancel {
		v.Status = job.Cancelled
	}
	if err := d.WriteVerdict(v); err != nil {
		return 1
	}
	return 0
}

type fixture struct {
	t      *testing.T
	dir    state.Dir
	d      *Daemon
	stop   func()
	mu     sync.Mutex
	now    time.Time // guarded by mu
	live   bool      // the clock goes; guarded by mu
	spawns atomic.Int32
	most   atomic.Int32 // jobs that had a process at a time
	env    []string
	look   func(job.Repository) (witness.Change, string)

	unsealed func(job.Repository) (string, bool)
	accepted func() string

	failures atomic.Int32 // that were logged
}

// failures counts what is logged as an error.
type failures struct {
	slog.Handler
	n *atomic.Int32
}

func (h failures) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }

func (h failures) Handle(context.Context, slog.Record) error {
	h.n.Add(1)
	return nil
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	dir, err := state.At(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Create(); err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, dir: dir, now: time.Now()}
	f.open()
	return f
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.live {
		return time.Now()
	}
	return f.now
}

// pass lets time go by, for those who sleep by a real timer as well.
func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	f.now = f.now.Add(d)
	f.mu.Unlock()
	f.d.mu.Lock()
	f.d.announce()
	f.d.mu.Unlock()
}

// open starts a daemon on the directory, as a restart does.
func (f *fixture) open() {
	f.t.Helper()
	d, err := New(Options{
		State: f.dir, MaxParallel: 1, Logger: slog.New(failures{slog.DiscardHandler, &f.failures}), Now: f.clock, Zone: func() (*time.Location, string) { return time.UTC, "UTC" }, OwnAuthority: 30 * time.Second, Look: f.look, Unsealed: f.unsealed, Accepted: f.accepted,
		Spawn: func(d *jobdir.Dir, lock *jobdir.Lock) *exec.Cmd {
			f.spawns.Add(1)
			f.most.Store(max(f.most.Load(), f.busy()))
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(append(os.Environ(), "DAEMON_TEST_JOB="+d.Path()), f.env...)
			cmd.ExtraFiles = []*os.File{lock.File()}
			return cmd
		},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.d, d.again = d, 10*time.Millisecond
	ctx, cancel := context.WithCancel(f.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = d.Run(ctx)
	}()
	f.stop = func() {
		cancel()
		<-done
	}
	f.t.Cleanup(f.stop)
	f.await("running", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.ctx != nil })
}

// busy counts the jobs that have a process and no verdict.
func (f *fixture) busy() (n int32) {
	for _, dir := range f.d.Dirs() {
		if dir.Locked() && !dir.Ended() {
			n++
		}
	}
	return n
}

func (f *fixture) await(what string, cond func() bool) {
	f.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-limit:
			f.t.Fatalf("waited in vain: %s", what)
		}
	}
}

func spec(now time.Time) job.Spec {
	return job.Spec{
		Kind: job.Backup, Repository: job.Repository{ID: 7, Name: "r", Path: "/r"},
		CreatedAt: now, StartDeadline: now.Add(time.Hour), TriggeredBy: job.ByManual,
	}
}

func (f *fixture) order(key job.Key, want fleetv1.Order_Desired, s job.Spec) {
	f.t.Helper()
	m := &fleetv1.WatchResponse{Revision: 1, Orders: []*fleetv1.Order{{Key: key[:], Id: 42, Desired: want, Spec: wire.FromSpec(s)}}}
	if err := f.d.Apply(m); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) ended(key job.Key) *job.Verdict {
	f.t.Helper()
	var v *job.Verdict
	f.await("a verdict", func() bool {
		dir, ok := f.d.Dir(key)
		if !ok {
			return false
		}
		v, _ = dir.Verdict()
		return v != nil
	})
	return v
}

func newKey(t *testing.T) job.Key {
	t.Helper()
	k, err := job.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestAnOrderIsCarriedOutOnce, however often and by whomever it is repeated.
func TestAnOrderIsCarriedOutOnce(t *testing.T) {
	f := newFixture(t)
	key := newKey(t)
	for range 3 {
		f.order(key, fleetv1.Order_DESIRED_RUN, spec(f.now))
	}
	if v := f.ended(key); v.Status != job.Completed {
		t.Errorf("%+v", v)
	}
	f.order(key, fleetv1.Order_DESIRED_RUN, spec(f.now))
	f.stop()
	f.open()
	f.order(key, fleetv1.Order_DESIRED_RUN, spec(f.now))
	f.order(key, fleetv1.Order_DESIRED_CANCEL, spec(f.now))
	if v := f.ended(key); v.Status != job.Completed {
		t.Errorf("a late wish changed the verdict: %+v", v)
	}
	if n := f.spawns.Load(); n != 1 {
		t.Errorf("%d job processes for one order", n)
	}
	dir, _ := f.d.Dir(key)
	if id, err := dir.ID(); err != nil || id != 42 {
		t.Errorf("id %d, %v", id, err)
	}
}

// TestOrdersThatMustNotRun leave the memory that their key is used up.
func TestOrdersThatMustNotRun(t *testing.T) {
	f := newFixture(t)
	late, cancelled := newKey(t), newKey(t)
	old := spec(f.now.Add(-2 * time.Hour))
	f.order(late, fleetv1.Order_DESIRED_RUN, old)
	f.order(cancelled, fleetv1.Order_DESIRED_CANCEL, spec(f.now))
	if v := f.ended(late); v.Status != job.Failed || v.ErrorCode != job.CodeDeadline {
		t.Errorf("late order: %+v", v)
	}
	if v := f.ended(cancelled); v.Status != job.Cancelled {
		t.Errorf("cancelled before it was held: %+v", v)
	}
	f.order(cancelled, fleetv1.Order_DESIRED_RUN, spec(f.now))
	if n := f.spawns.Load(); n != 0 {
		t.Errorf("%d job processes", n)
	}
}

// TestADeadJobProcessIsFollowedByAnother until there is a verdict.
func TestADeadJobProcessIsFollowedByAnother(t *testing.T) {
	f := newFixture(t)
	f.env = []string{"DAEMON_TEST_DIE=1"}
	key := newKey(t)
	f.order(key, fleetv1.Order_DESIRED_RUN, spec(f.now))
	f.ended(key)
	if n := f.spawns.Load(); n != 2 {
		t.Errorf("%d job processes, want 2", n)
	}
}

// TestADaemonLeavesLivingJobProcessesAlone: it finds the lock held and waits.
func TestADaemonLeavesLivingJobProcessesAlone(t *testing.T) {
	f := newFixture(t)
	f.stop()
	key := newKey(t)
	dir, err := jobdir.Create(f.dir.Jobs(), key, spec(f.now), job.PhaseAccepted)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := dir.TryLock() // stands for a job process of the daemon before
	if err != nil {
		t.Fatal(err)
	}
	f.open()
	if f.spawns.Load() != 0 {
		t.Error("a second job process beside a living one")
	}
	lock.Close()
	f.ended(key)
	if n := f.spawns.Load(); n != 1 {
		t.Errorf("%d job processes after the first was gone, want 1", n)
	}
}

// TestOwnAuthority: a job made on the host waits for the controller's word, and
// starts without it when the controller has been away for long enough.
func TestOwnAuthority(t *testing.T) {
	f := newFixture(t)
	f.d.SetLinked(true)
	dir, err := f.d.Start(job.Repository{ID: 7, Path: "/r"}, "root")
	if err != nil {
		t.Fatal(err)
	}
	f.pass(time.Hour)
	if dir.Ended() || f.spawns.Load() != 0 {
		t.Fatal("started while the controller was there and had not said so")
	}
	f.d.SetLinked(false)
	if f.d.alone() {
		t.Error("decides at once")
	}
	f.pass(29 * time.Second)
	if f.d.alone() {
		t.Error("decides too early")
	}
	f.pass(2 * time.Second)
	if v := f.ended(dir.Key()); v.Status != job.Completed {
		t.Errorf("%+v", v)
	}
}

// TestNotOnOwnAuthority: a break-lock or compact waits for the controller's word
// however long it is away; that to a compact says which archives there must be.
func TestNotOnOwnAuthority(t *testing.T) {
	f := newFixture(t)
	dirs := map[job.Kind]*jobdir.Dir{}
	for _, kind := range []job.Kind{job.BreakLock, job.Compact} {
		dir, err := f.d.Maintain(job.Repository{ID: 7, Path: "/r"}, kind, nil, nil, "root")
		if err != nil {
			t.Fatal(err)
		}
		dirs[kind] = dir
	}
	backup, err := f.d.Start(job.Repository{ID: 7, Path: "/r"}, "root")
	if err != nil {
		t.Fatal(err)
	}
	f.pass(5 * time.Minute)
	f.ended(backup.Key()) // it was woken after them
	for kind, dir := range dirs {
		if reg, err := dir.Register(); err != nil || reg.Phase != job.PhaseAnnounced {
			t.Fatalf("%s: %+v, %v", kind, reg, err)
		}
	}
	if n := f.spawns.Load(); n != 1 {
		t.Fatalf("%d job processes", n)
	}
	compact := dirs[job.Compact]
	key := compact.Key()
	expected := &fleetv1.ExpectedArchives{Archives: []*fleetv1.Archive{{Name: "a", Id: "1"}}}
	for range 2 { // ordered anew: for a job of its own, and for one that the host does not know yet
		m := &fleetv1.WatchResponse{Revision: 1, Orders: []*fleetv1.Order{{Key: key[:], Id: 42, Desired: fleetv1.Order_DESIRED_RUN, Spec: wire.FromSpec(compact.Spec()), Expected: expected}}}
		if err := f.d.Apply(m); err != nil {
			t.Fatal(err)
		}
		if v := f.ended(key); v.Status != job.Completed {
			t.Errorf("%+v", v)
		}
		dir, _ := f.d.Dir(key)
		if all, told, err := dir.Expected(); err != nil || !told || len(all) != 1 || all[0].Name != "a" {
			t.Errorf("%v, %v, %v", all, told, err)
		}
		key = newKey(t)
	}
	f.pass(job.BreakLockDeadline)
	if v := f.ended(dirs[job.BreakLock].Key()); v == nil {
		t.Error("an order to break a lock is good for ever")
	}
}

// TestTheControllersWord lets an announced job start, or ends it.
func TestTheControllersWord(t *testing.T) {
	f := newFixture(t)
	f.d.SetLinked(true)
	var dirs []*jobdir.Dir
	for range 2 {
		dir, err := f.d.Start(job.Repository{ID: 7, Path: "/r"}, "root")
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
	}
	f.order(dirs[0].Key(), fleetv1.Order_DESIRED_RUN, dirs[0].Spec())
	f.order(dirs[1].Key(), fleetv1.Order_DESIRED_CANCEL, dirs[1].Spec())
	if v := f.ended(dirs[0].Key()); v.Status != job.Completed {
		t.Errorf("granted: %+v", v)
	}
	if v := f.ended(dirs[1].Key()); v.Status != job.Cancelled {
		t.Errorf("cancelled: %+v", v)
	}
}

func repositories(n ...int64) []*fleetv1.Repository {
	var out []*fleetv1.Repository
	for _, id := range n {
		out = append(out, &fleetv1.Repository{Id: id, Name: fmt.Sprint("r", id), Path: fmt.Sprint("/r", id)})
	}
	return out
}

// TestDefinitions survive a restart, follow the controller, and are never taken
// away by a store that is another one.
func TestDefinitions(t *testing.T) {
	f := newFixture(t)
	ids := func() (out []int64) {
		for _, r := range f.d.Repositories() {
			out = append(out, r.ID)
		}
		return out
	}
	apply := func(m *fleetv1.WatchResponse) {
		t.Helper()
		if err := f.d.Apply(m); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, n ...int64) {
		t.Helper()
		if got := fmt.Sprint(ids()); got != fmt.Sprint(n) {
			t.Errorf("%s: %v, want %v", what, got, n)
		}
	}
	apply(&fleetv1.WatchResponse{Snapshot: true, StoreId: "one", Repositories: repositories(1, 2)})
	apply(&fleetv1.WatchResponse{StoreId: "one", Repositories: repositories(3), RemovedRepositories: []int64{1}})
	want("changes", 2, 3)
	f.stop()
	f.open()
	want("after a restart", 2, 3)
	apply(&fleetv1.WatchResponse{Snapshot: true, StoreId: "restored", Repositories: repositories(2)})
	want("foreign store", 2, 3)
	apply(&fleetv1.WatchResponse{Snapshot: true, StoreId: "restored", Repositories: repositories(2)})
	want("foreign store again", 2, 3)
	apply(&fleetv1.WatchResponse{StoreId: "restored", Repositories: repositories(7)})
	f.stop()
	f.open()
	apply(&fleetv1.WatchResponse{Snapshot: true, StoreId: "restored", Repositories: repositories(2, 7)})
	want("after a change and a restart", 2, 3, 7)
	apply(&fleetv1.WatchResponse{Snapshot: true, StoreId: "restored", Repositories: repositories(2)})
	want("what is not held follows the controller", 2, 3)
	apply(&fleetv1.WatchResponse{Snapshot: true, StoreId: "restored", Repositories: repositories(2), SettledRepositories: []int64{3}})
	want("settled", 2)
}

// TestHeldDefinitions: an older definition from a restored store does not take
// the place of the host's newer one, until somebody has decided.
func TestHeldDefinitions(t *testing.T) {
	f := newFixture(t)
	named := func(name string, ids ...int64) []*fleetv1.Repository {
		out := repositories(ids...)
		for _, r := range out {
			r.Name = name
		}
		return out
	}
	apply := func(m *fleetv1.WatchResponse) {
		t.Helper()
		if err := f.d.Apply(m); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what, all, held string) {
		t.Helper()
		text := func(rs []job.Repository) (out string) {
			for _, r := range rs {
				out += fmt.Sprintf("%d=%s ", r.ID, r.Name)
			}
			return strings.TrimSpace(out)
		}
		var now []job.Repository
		messages, _ := f.d.Held()
		for _, m := range messages {
			now = append(now, wire.ToRepository(m))
		}
		if got := text(f.d.Repositories()); got != all {
			t.Errorf("%s: the definitions are %q, want %q", what, got, all)
		}
		if got := text(now); got != held {
			t.Errorf("%s: held is %q, want %q", what, got, held)
		}
	}
	apply(&fleetv1.WatchResponse{Snapshot: true, StoreId: "one", Repositories: named("new", 1, 2, 3)})
	restored := func(settled ...int64) *fleetv1.WatchResponse {
		m := &fleetv1.WatchResponse{Snapshot: true, StoreId: "restored", Repositories: append(named("old", 1, 2), named("new", 3)...), SettledRepositories: settled}
		m.Repositories[2].BorgId = "0123"
		return m
	}
	_, before := f.d.Held()
	apply(restored())
	want("restored", "1=new 2=new 3=new", "1=new 2=new")
	if _, now := f.d.Held(); now == before {
		t.Error("the link is not told that what is held has changed")
	}
	f.stop()
	f.open()
	apply(restored())
	want("after a restart", "1=new 2=new 3=new", "1=new 2=new")
	apply(&fleetv1.WatchResponse{StoreId: "restored", Repositories: named("edited", 1)})
	want("edited by an administrator", "1=edited 2=new 3=new", "2=new")
	apply(restored(2))
	want("settled for the controller", "1=old 2=old 3=new", "")
	apply(&fleetv1.WatchResponse{Snapshot: true, StoreId: "again", Repositories: named("older", 3)})
	want("restored again", "1=old 2=old 3=new", "1=old 2=old 3=new")
	apply(&fleetv1.WatchResponse{Snapshot: true, StoreId: "again", Repositories: append(named("old", 1, 2), named("new", 3)...)})
	want("the controller has taken all of them over", "1=old 2=old 3=new", "")
}

// TestReplicatedIsTakenBack: what a restored controller lacks again is not the
// host's to remove.
func TestReplicatedIsTakenBack(t *testing.T) {
	f := newFixture(t)
	long := f.now.Add(-30 * 24 * time.Hour)
	s := spec(f.now)
	s.StartDeadline = long
	dir, err := jobdir.CreateEnded(f.dir.Jobs(), newKey(t), s, job.Verdict{Status: job.Completed, EndedAt: long})
	if err != nil {
		t.Fatal(err)
	}
	key := dir.Key()
	f.d.add(dir)
	answer := func(a fleetv1.JobAnswer_Action) {
		t.Helper()
		if err := f.d.Answer(&fleetv1.JobAnswer{Key: key[:], Action: a, Id: 7, Next: 1}); err != nil {
			t.Fatal(err)
		}
	}
	answer(fleetv1.JobAnswer_ACTION_FORGET)
	answer(fleetv1.JobAnswer_ACTION_KEEP)
	f.d.tidy()
	if _, there := f.d.Dir(key); !there {
		t.Fatal("a job that the controller has lost was removed")
	}
	answer(fleetv1.JobAnswer_ACTION_FORGET)
	f.d.tidy()
	if _, there := f.d.Dir(key); there {
		t.Error("it stays for ever")
	}
}

// TestTidy keeps what the controller lacks and what an order could still name.
func TestTidy(t *testing.T) {
	f := newFixture(t)
	done := job.Verdict{Status: job.Completed, EndedAt: f.now.Add(-30 * 24 * time.Hour)}
	make := func(deadline time.Time, replicated bool) job.Key {
		t.Helper()
		s := spec(f.now)
		s.StartDeadline = deadline
		dir, err := jobdir.CreateEnded(f.dir.Jobs(), newKey(t), s, done)
		if err != nil {
			t.Fatal(err)
		}
		if replicated {
			if err := dir.SetReplicated(); err != nil {
				t.Fatal(err)
			}
		}
		f.d.add(dir)
		return dir.Key()
	}
	long := f.now.Add(-29 * 24 * time.Hour)
	gone, unsent, young := make(long, true), make(long, false), make(f.now.Add(-time.Hour), true)
	f.d.tidy()
	for key, want := range map[job.Key]bool{gone: false, unsent: true, young: true} {
		if _, ok := f.d.Dir(key); ok != want {
			t.Errorf("kept %v, want %v", ok, want)
		}
	}
}

// TestOwnAuthorityKeepsTheHostsLimit: deciding and taking the place are one
// step, also for jobs that ask at the same moment.
func TestOwnAuthorityKeepsTheHostsLimit(t *testing.T) {
	f := newFixture(t)
	f.pass(time.Minute)
	var keys []job.Key
	for range 5 {
		dir, err := f.d.Start(job.Repository{ID: 7, Path: "/r"}, "root")
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, dir.Key())
	}
	for _, key := range keys {
		f.ended(key)
	}
	if n := f.most.Load(); n != 1 {
		t.Errorf("%d at a time, with a limit of 1", n)
	}
}

// TestAGrantedJobTakesAPlaceToo: between the controller's word and the job
// process's lock nobody else may decide for himself.
func TestAGrantedJobTakesAPlaceToo(t *testing.T) {
	f := newFixture(t)
	f.pass(time.Minute)
	granted, own := announced(t, f, time.Hour), announced(t, f, time.Hour)
	f.d.release(granted)
	for _, step := range []struct {
		t    *tended
		want bool
	}{{granted, true}, {own, false}} {
		if may, _ := f.d.mayStart(step.t); may != step.want {
			t.Errorf("may start: %v, want %v", may, step.want)
		}
	}
	_, news := f.d.mayStart(own)
	f.d.leave(granted)
	<-news // who waits for a place hears that one is free
	if may, _ := f.d.mayStart(own); !may {
		t.Error("the free place is not taken")
	}
}

// announced makes an announced job that nobody tends.
func announced(t *testing.T, f *fixture, deadline time.Duration) *tended {
	t.Helper()
	s := spec(f.now)
	s.StartDeadline = f.now.Add(deadline)
	dir, err := jobdir.Create(f.dir.Jobs(), newKey(t), s, job.PhaseAnnounced)
	if err != nil {
		t.Fatal(err)
	}
	td := newTended(dir)
	f.d.mu.Lock()
	f.d.jobs[dir.Key()] = td
	f.d.mu.Unlock()
	return td
}

// TestAnAnnouncedJobHasADeadline also while the controller is there and says
// nothing.
func TestAnAnnouncedJobHasADeadline(t *testing.T) {
	f := newFixture(t)
	f.mu.Lock()
	f.live = true
	f.mu.Unlock()
	f.d.SetLinked(true)
	td := announced(t, f, time.Since(f.now)+50*time.Millisecond)
	f.d.tend(t.Context(), td)
	if v := f.ended(td.dir.Key()); v.ErrorCode != job.CodeDeadline {
		t.Errorf("%+v", v)
	}
}

// TestAnAnnouncedJobOutlivesATroubledDisk: one failed read or write is not the
// end of it.
func TestAnAnnouncedJobOutlivesATroubledDisk(t *testing.T) {
	for name, file := range map[string]string{"read": "status", "accept": "lock"} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.d.SetLinked(true)
			td := announced(t, f, time.Hour)
			trouble := filepath.Join(td.dir.Path(), file)
			if err := os.Mkdir(trouble, 0o700); err != nil {
				t.Fatal(err)
			}
			f.d.release(td)
			f.d.tend(t.Context(), td)
			f.await("a failure", func() bool { return f.failures.Load() > 0 })
			if err := os.Remove(trouble); err != nil {
				t.Fatal(err)
			}
			if v := f.ended(td.dir.Key()); v.Status != job.Completed {
				t.Errorf("%+v", v)
			}
		})
	}
}

// TestDamagedJobsAreStillHeld: the controller must hear of them, or it gives
// up a job whose borg runs.
func TestDamagedJobsAreStillHeld(t *testing.T) {
	f := newFixture(t)
	f.stop()
	key := newKey(t)
	for _, name := range []string{key.String(), "lost+found", job.Key{}.String()} {
		if err := os.Mkdir(filepath.Join(f.dir.Jobs(), name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f.open()
	if got := f.d.Damaged(); len(got) != 1 || got[0] != key {
		t.Errorf("damaged: %v, want %v", got, key)
	}
}

// TestARepeatedOrderIsAnswered: who orders a job that has ended has not heard
// of it.
func TestARepeatedOrderIsAnswered(t *testing.T) {
	f := newFixture(t)
	key := newKey(t)
	f.order(key, fleetv1.Order_DESIRED_CANCEL, spec(f.now))
	f.ended(key)
	f.d.TakeChanged()
	f.order(key, fleetv1.Order_DESIRED_RUN, spec(f.now))
	if again := f.d.TakeChanged()[key]; !again {
		t.Error("not said again")
	}
	dir, _ := f.d.Dir(key)
	if err := dir.SetReplicated(); err != nil {
		t.Fatal(err)
	}
	f.order(key, fleetv1.Order_DESIRED_RUN, spec(f.now))
	if again := f.d.TakeChanged()[key]; again {
		t.Error("said again although the controller has it")
	}
}
