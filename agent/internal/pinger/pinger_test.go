package pinger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"borgfleet/agent/internal/daemon"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host is one with real job directories, and a service that waits for calls.
type host struct {
	t      testing.TB
	jobs   string
	server *httptest.Server
	moved  chan struct{}

	mu     sync.Mutex
	dirs   []*jobdir.Dir                    // guarded by mu
	calls  []string                         // guarded by mu
	acts   []func(http.ResponseWriter) bool // guarded by mu
	stirs  int                              // guarded by mu
	later  time.Duration                    // guarded by mu
	refuse error                            // guarded by mu
	url    string

	retries int // guarded by mu
	looks   int // guarded by mu
}

func newHost(t testing.TB, acts ...func(http.ResponseWriter) bool) *host {
	h := &host{t: t, jobs: t.TempDir(), moved: make(chan struct{}, 1), acts: acts}
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.calls = append(h.calls, r.URL.Path)
		var act func(http.ResponseWriter) bool
		if len(h.acts) > 0 {
			act, h.acts = h.acts[0], h.acts[1:]
		}
		h.mu.Unlock()
		if act != nil && !act(w) {
			<-r.Context().Done()
		}
	}))
	t.Cleanup(h.server.Close)
	h.url = h.server.URL + "/key/{agent}-{repository}"
	return h
}

func (h *host) Scheduled() []daemon.Scheduled {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looks++
	retried := wire.FromSchedule(schedule.Schedule{
		ID: 5, Key: schedule.Key{1}, Name: "nightly", Cron: "0 2 * * *", Zone: "UTC", Enabled: true, Overlap: schedule.OverlapSkip,
		Retries: h.retries, RetryDelay: 5 * time.Minute, Ping: h.url,
	})
	by := []*fleetv1.Schedule{retried, {Id: 6}, {Id: 8, PingUrl: h.url}}
	return []daemon.Scheduled{{Repository: job.Repository{ID: 7, Name: "etc"}, By: by}}
}

func (h *host) Dirs() []*jobdir.Dir {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.dirs)
}

func (h *host) Moved() <-chan struct{} { return h.moved }

func (h *host) Stir() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stirs++
}

func (h *host) looked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.looks
}

// looksAgain waits until the Pinger has looked at all there is.
func (h *host) looksAgain() {
	h.t.Helper()
	for range 2 {
		looks := h.looked()
		h.moves()
		await(h.t, "it has looked", func() bool { return h.looked() > looks })
	}
}

func (h *host) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.later)
}

func (h *host) called() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls)
}

// job is one of a schedule, as the timetable makes it.
func (h *host) job(change func(*job.Spec)) *jobdir.Dir {
	h.t.Helper()
	key, err := job.NewKey()
	must(h.t, err)
	spec := job.Spec{
		Kind: job.Backup, Repository: job.Repository{ID: 7, Name: "etc", Path: "/r"}, ScheduleID: 5,
		CreatedAt: h.clock(), StartDeadline: h.clock().Add(time.Hour), TriggeredBy: job.BySchedule,
	}
	if change != nil {
		change(&spec)
	}
	d, err := jobdir.Create(h.jobs, key, spec, job.PhaseAccepted)
	must(h.t, err)
	h.mu.Lock()
	h.dirs = append(h.dirs, d)
	h.mu.Unlock()
	return d
}

func (h *host) starts(d *jobdir.Dir) {
	h.t.Helper()
	must(h.t, d.MarkStarted(jobdir.Started{StartedAt: h.clock()}))
	h.moves()
}

func (h *host) ends(d *jobdir.Dir, status job.Status) {
	h.t.Helper()
	must(h.t, d.WriteVerdict(job.Verdict{Status: status, StartedAt: h.clock(), EndedAt: h.clock()}))
	h.moves()
}

func (h *host) moves() {
	select {
	case h.moved <- struct{}{}:
	default:
	}
}

func (h *host) pinger() *Pinger {
	return New(Options{
		Host: h, Agent: "web 1", Now: h.clock, Logger: slog.New(slog.DiscardHandler),
		Allows: func(url string) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			if !strings.HasPrefix(url, h.server.URL+"/key/") {
				return fmt.Errorf("asked for %s", url)
			}
			return h.refuse
		},
		Backoff: Backoff{First: time.Microsecond, Most: 5 * time.Millisecond, GiveUp: 30 * time.Minute, Look: time.Millisecond},
	})
}

// runs has a new Pinger call until stop.
func (h *host) runs() (p *Pinger, stop func()) {
	p = h.pinger()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { p.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	h.t.Cleanup(stop)
	return p, stop
}

func await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (h *host) wants(what string, want ...string) {
	h.t.Helper()
	for i, w := range want {
		want[i] = "/key/web 1-etc" + w
	}
	for deadline := time.Now().Add(10 * time.Second); !slices.Equal(h.called(), want); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("%s: called %q, want %q", what, h.called(), want)
		}
	}
}

// pinged waits until a job's calls are noted.
func (h *host) pinged(d *jobdir.Dir, want jobdir.Pinged) {
	h.t.Helper()
	await(h.t, "it is noted", func() bool { got, err := d.Pinged(); return err == nil && got == want })
}

// TestCallsOnce when a backup begins and when it ends, also over restarts.
func TestCallsOnce(t *testing.T) {
	h := newHost(t)
	_, stop := h.runs()
	d := h.job(nil)
	h.starts(d)
	h.wants("begun", "/start")
	h.pinged(d, jobdir.PingedStart)
	stop()
	h.ends(d, job.CompletedWithWarnings)
	_, stop = h.runs()
	h.wants("ended while nobody called", "/start", "")
	h.pinged(d, jobdir.PingedEnd)
	stop()
	bad := h.job(nil)
	h.ends(bad, job.Failed)
	_, stop = h.runs()
	h.wants("failed before it began", "/start", "", "/fail")
	h.pinged(bad, jobdir.PingedEnd)
	stop()
	if got := h.called(); len(got) != 3 {
		t.Errorf("called %q", got)
	}
}

// TestCallsAgain until the service has heard that a backup has ended; its beginning is
// not worth that.
func TestCallsAgain(t *testing.T) {
	status := func(code int) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool { w.WriteHeader(code); return true }
	}
	closes := func(w http.ResponseWriter) bool {
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			c.Close()
		}
		return true
	}
	h := newHost(t, status(500), status(429), closes, status(302))
	h.runs()
	d := h.job(nil)
	h.starts(d)
	h.pinged(d, jobdir.PingedStart)
	h.ends(d, job.Completed)
	h.pinged(d, jobdir.PingedEnd)
	h.wants("all", "/start", "", "", "", "")
}

// TestGivesUp when it tells nothing any more.
func TestGivesUp(t *testing.T) {
	var down []func(http.ResponseWriter) bool
	for range 10_000 {
		down = append(down, func(w http.ResponseWriter) bool { w.WriteHeader(500); return true })
	}
	h := newHost(t, down...)
	h.runs()
	d := h.job(nil)
	h.ends(d, job.Completed)
	await(t, "some tries", func() bool { return len(h.called()) > 2 })
	h.mu.Lock()
	h.later = 31 * time.Minute
	h.mu.Unlock()
	h.pinged(d, jobdir.PingedEnd)
}

// TestOneHangs: a service that does not answer for one schedule keeps no other.
func TestOneHangs(t *testing.T) {
	h := newHost(t, func(http.ResponseWriter) bool { return false })
	_, stop := h.runs()
	one := h.job(nil)
	h.starts(one)
	h.wants("it hangs", "/start")
	two := h.job(func(s *job.Spec) { s.ScheduleID = 8 })
	h.ends(two, job.Completed)
	h.pinged(two, jobdir.PingedEnd)
	stop()
	if n, _ := one.Pinged(); n != jobdir.PingedNone {
		t.Errorf("%d: nobody has heard of it", n)
	}
}

// TestOnlyWhatIsAllowed: a controller's URL is not enough, and it is told so.
func TestOnlyWhatIsAllowed(t *testing.T) {
	h := newHost(t)
	h.refuse = errors.New("this host does not allow it")
	p, _ := h.runs()
	d := h.job(nil)
	h.starts(d)
	states := p.With(func() ([]schedule.State, string, uint64) {
		return []schedule.State{{Schedule: 5, Repository: 7}, {Schedule: 6, Repository: 7}}, "UTC", 3
	})
	await(t, "it is told", func() bool { all, _, v := states(); return v == 4 && all[0].Ping == "this host does not allow it" })
	all, _, _ := states()
	if all[1].Ping != "" || h.stirs == 0 || len(h.called()) != 0 {
		t.Errorf("%+v, %d, %q", all, h.stirs, h.called())
	}
	h.mu.Lock()
	h.refuse = nil
	h.mu.Unlock()
	h.wants("the owner has changed his mind", "/start")
	if all, _, v := states(); v != 5 || all[0].Ping != "" {
		t.Errorf("%+v, %d", all, v)
	}
	if _, _, v := p.With(func() ([]schedule.State, string, uint64) { return nil, "", 0 })(); v != 0 {
		t.Error("what was never looked at is told")
	}
}

// TestOthersAreNotCalled: no job of another kind, schedule or person.
func TestOthersAreNotCalled(t *testing.T) {
	h := newHost(t)
	_, stop := h.runs()
	for _, change := range []func(*job.Spec){
		func(s *job.Spec) { s.ScheduleID = 0 },
		func(s *job.Spec) { s.ScheduleID = 6 },
		func(s *job.Spec) { s.Repository.ID = 8 },
		func(s *job.Spec) { s.Kind = job.Prune },
	} {
		h.ends(h.job(change), job.Completed)
	}
	d := h.job(nil)
	h.ends(d, job.Completed)
	h.pinged(d, jobdir.PingedEnd)
	stop()
	h.wants("one", "")
}

func (h *host) passes(d time.Duration) {
	h.mu.Lock()
	h.later += d
	h.mu.Unlock()
	h.moves()
}

// attempt is one of a run that the schedule has made.
func (h *host) attempt(fire time.Time, n int) *jobdir.Dir {
	return h.job(func(s *job.Spec) { s.FireTime, s.Attempt = fire, n })
}

// TestRetriesAreNoFailure: a run is told when it has ended, not each attempt of it.
func TestRetriesAreNoFailure(t *testing.T) {
	h := newHost(t)
	h.retries = 1
	_, stop := h.runs()
	fire := h.clock()
	first := h.attempt(fire, 0)
	h.starts(first)
	h.wants("it begins", "/start")
	h.pinged(first, jobdir.PingedStart)
	h.ends(first, job.Failed)
	h.passes(5 * time.Minute)
	h.looksAgain()
	stop()
	_, stop = h.runs()
	h.looksAgain()
	second := h.attempt(fire, 1)
	h.starts(second)
	h.pinged(first, jobdir.PingedEnd)
	h.pinged(second, jobdir.PingedStart)
	h.ends(second, job.Completed)
	h.pinged(second, jobdir.PingedEnd)
	h.wants("the retry went well", "/start", "/start", "")

	fire = fire.Add(time.Hour)
	h.passes(time.Hour)
	third := h.attempt(fire, 0)
	h.ends(third, job.Failed)
	h.passes(5 * time.Minute)
	h.looksAgain()
	fourth := h.attempt(fire, 1)
	h.ends(fourth, job.Failed)
	h.pinged(fourth, jobdir.PingedEnd)
	h.pinged(third, jobdir.PingedEnd)
	stop()
	h.wants("the last one failed", "/start", "/start", "", "/fail")
}

// TestRetryThatDoesNotCome: a failure is told when its retry should have been there.
func TestRetryThatDoesNotCome(t *testing.T) {
	h := newHost(t)
	h.retries = 3
	h.runs()
	d := h.attempt(h.clock(), 0)
	h.ends(d, job.Failed)
	h.passes(5*time.Minute + schedule.OnTime - time.Minute)
	h.looksAgain()
	if n, err := d.Pinged(); err != nil || n != jobdir.PingedNone || len(h.called()) > 0 {
		t.Errorf("%d, %v, %q", n, err, h.called())
	}
	h.passes(time.Minute)
	h.pinged(d, jobdir.PingedEnd)
	h.wants("none came", "/fail")
}

// TestWhatIsNotTriedAgain fails at once: what a person started, what a retry would not
// mend, and the last attempt.
func TestWhatIsNotTriedAgain(t *testing.T) {
	h := newHost(t)
	h.retries = 1
	h.runs()
	var want []string
	for _, change := range []func(*job.Spec, *job.Verdict){
		func(*job.Spec, *job.Verdict) {},
		func(s *job.Spec, v *job.Verdict) { s.FireTime, v.ErrorCode = h.clock(), job.CodePolicy },
		func(s *job.Spec, v *job.Verdict) { s.FireTime, v.Status = h.clock(), job.Cancelled },
		func(s *job.Spec, _ *job.Verdict) { s.FireTime, s.Attempt = h.clock(), 1 },
	} {
		v := job.Verdict{Status: job.Failed}
		d := h.job(func(s *job.Spec) { change(s, &v) })
		v.StartedAt, v.EndedAt = h.clock(), h.clock()
		must(t, d.WriteVerdict(v))
		h.moves()
		h.pinged(d, jobdir.PingedEnd)
		want = append(want, "/fail")
	}
	h.wants("each", want...)
}

// TestNewestEndIsTold: an older end that the service could not be told does not come
// after a newer one.
func TestNewestEndIsTold(t *testing.T) {
	h := newHost(t)
	old := h.job(nil)
	h.ends(old, job.Failed)
	h.passes(time.Minute)
	newer := h.job(nil)
	h.ends(newer, job.Completed)
	h.runs()
	h.pinged(newer, jobdir.PingedEnd)
	h.pinged(old, jobdir.PingedEnd)
	h.wants("the newer one", "")
}

// TestCallsComeInOrder: the end of one backup waits for the call of another that is on
// its way.
func TestCallsComeInOrder(t *testing.T) {
	free := make(chan struct{})
	release := sync.OnceFunc(func() { close(free) })
	h := newHost(t, func(http.ResponseWriter) bool { <-free; return true })
	h.runs()
	t.Cleanup(release)
	old := h.job(nil)
	h.ends(old, job.Failed)
	h.wants("it is on its way", "/fail")
	h.passes(time.Second)
	newer := h.job(nil)
	h.ends(newer, job.Completed)
	h.looksAgain()
	h.wants("the other waits", "/fail")
	release()
	h.pinged(newer, jobdir.PingedEnd)
	h.wants("both", "/fail", "")
}

// TestClockIsSetBack: an end that lies ahead is told all the same.
func TestClockIsSetBack(t *testing.T) {
	h := newHost(t)
	d := h.job(nil)
	h.ends(d, job.Completed)
	h.passes(-time.Hour)
	h.runs()
	h.pinged(d, jobdir.PingedEnd)
	h.wants("at once", "")
}

// TestClockWasAhead: what ended under a clock that was days ahead does not keep what ends
// after the clock was set right from being told, now or after a restart.
func TestClockWasAhead(t *testing.T) {
	for what, restarts := range map[string]bool{"at once": false, "over a restart": true} {
		t.Run(what, func(t *testing.T) {
			h := newHost(t)
			_, stop := h.runs()
			again := func() {
				if restarts {
					stop()
					_, stop = h.runs()
				}
			}
			h.passes(48 * time.Hour)
			ahead := h.job(nil)
			h.ends(ahead, job.Completed)
			h.pinged(ahead, jobdir.PingedEnd)
			h.passes(-48 * time.Hour)
			again()
			bad := h.job(nil)
			h.ends(bad, job.Failed)
			h.pinged(bad, jobdir.PingedEnd)
			again()
			good := h.job(nil)
			h.starts(good)
			h.pinged(good, jobdir.PingedStart)
			h.ends(good, job.Completed)
			h.pinged(good, jobdir.PingedEnd)
			h.wants("all", "", "/fail", "/start", "")
		})
	}
}

// TestAheadAndUntold: when nobody looked before, the end that lies ahead of the clock is
// told before the others, and keeps none of them.
func TestAheadAndUntold(t *testing.T) {
	h := newHost(t)
	h.passes(48 * time.Hour)
	ahead := h.job(nil)
	h.ends(ahead, job.Failed)
	h.passes(-48 * time.Hour)
	good := h.job(nil)
	h.ends(good, job.Completed)
	h.runs()
	h.pinged(good, jobdir.PingedEnd)
	h.pinged(ahead, jobdir.PingedEnd)
	h.wants("both", "/fail", "")
}

// TestUntoldAndClockSetBack: an end that waits for the service is overtaken by what ends
// after the clock was set back, as by any other.
func TestUntoldAndClockSetBack(t *testing.T) {
	h, up := newDown(t)
	h.runs()
	old := h.job(nil)
	h.ends(old, job.Failed)
	await(t, "some tries", func() bool { return len(h.called()) > 0 })
	h.passes(-time.Hour)
	newer := h.job(nil)
	h.ends(newer, job.Completed)
	h.pinged(old, jobdir.PingedEnd)
	up()
	h.pinged(newer, jobdir.PingedEnd)
	if all := h.called(); all[len(all)-1] != "/key/web 1-etc" {
		t.Errorf("the last one is %q", all[len(all)-1])
	}
}

// newDown is a host whose service refuses all until up.
func newDown(t *testing.T) (h *host, up func()) {
	var works atomic.Bool
	var acts []func(http.ResponseWriter) bool
	for range 10_000 {
		acts = append(acts, func(w http.ResponseWriter) bool {
			if !works.Load() {
				w.WriteHeader(500)
			}
			return true
		})
	}
	return newHost(t, acts...), func() { works.Store(true) }
}

// TestBeginningWaitsForTheEndBefore: the service hears the end of an older backup first;
// heard after that beginning it would be taken for the newer one's.
func TestBeginningWaitsForTheEndBefore(t *testing.T) {
	h, up := newDown(t)
	h.runs()
	old := h.job(nil)
	h.ends(old, job.Completed)
	await(t, "some tries", func() bool { return len(h.called()) > 20 }) // and pauses between them
	newer := h.job(nil)
	h.starts(newer)
	for range 10 {
		h.looksAgain()
	}
	up()
	h.pinged(newer, jobdir.PingedStart)
	h.pinged(old, jobdir.PingedEnd)
	all := h.called()
	if i := slices.Index(all, "/key/web 1-etc/start"); i != len(all)-1 {
		t.Errorf("it is call %d of %d", i+1, len(all))
	}
}

// TestHeldFailureIsNoEndOfAnother: nor is one called for that waited for its retry, while
// another backup runs that the service has heard of.
func TestHeldFailureIsNoEndOfAnother(t *testing.T) {
	h := newHost(t)
	h.retries = 1
	h.runs()
	bad := h.attempt(h.clock(), 0)
	h.ends(bad, job.Failed)
	h.looksAgain()
	other := h.job(nil)
	h.starts(other)
	h.pinged(other, jobdir.PingedStart)
	h.passes(5*time.Minute + schedule.OnTime)
	h.looksAgain()
	h.wants("it runs", "/start")
	h.ends(other, job.Completed)
	h.pinged(other, jobdir.PingedEnd)
	h.pinged(bad, jobdir.PingedEnd)
	h.wants("it has ended", "/start", "")
}
