// Package pinger calls the ping URLs of schedules: a service that waits for the calls
// raises the alarm when a host, its agent or its backups are not there any more, and
// needs no controller for that. No backup waits for a call, and none fails for one.
package pinger

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"time"

	"borgfleet/agent/internal/daemon"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	"borgfleet/shared/pinging"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
)

// Host has the jobs and the schedules; *daemon.Daemon is one.
type Host interface {
	Scheduled() []daemon.Scheduled
	Dirs() []*jobdir.Dir
	Moved() <-chan struct{} // receives when some job may have begun or ended
	Stir()                  // there is something new to tell the controller
}

// Options is what a Pinger needs. All fields must be set.
type Options struct {
	Host    Host
	Agent   string // the host's name
	Now     func() time.Time
	Logger  *slog.Logger
	Allows  func(url string) error // what the host's owner says
	Backoff Backoff
}

// Backoff is how a call of an ended backup is repeated.
type Backoff struct {
	First, Most time.Duration
	GiveUp      time.Duration // after the backup's end: then it tells nothing any more
	Look        time.Duration // the shortest time between two looks
}

// DefaultBackoff is the documented one.
func DefaultBackoff() Backoff {
	return Backoff{First: 2 * time.Second, Most: time.Minute, GiveUp: 30 * time.Minute, Look: time.Second}
}

// mostCalls are made at once: a service that hangs holds up few others.
const mostCalls = 8

// Pinger calls.
type Pinger struct {
	Options
	caller *pinging.Caller
	room   chan struct{}
	again  chan struct{} // a call has come to its end

	mu       sync.Mutex
	jobs     map[job.Key]*pings // guarded by mu, and so is what it points to
	problems map[problem]string // guarded by mu
	version  uint64             // of problems; guarded by mu
}

// pings are those of one job.
type pings struct {
	done    jobdir.Pinged
	calling bool
	tries   int
	next    time.Time
}

type problem struct{ schedule, repository int64 }

// New makes a Pinger.
func New(o Options) *Pinger {
	return &Pinger{
		Options: o, caller: pinging.New(pinging.Timeout), room: make(chan struct{}, mostCalls), again: make(chan struct{}, 1),
		jobs: map[job.Key]*pings{}, problems: map[problem]string{},
	}
}

// Run calls until ctx ends. What was not called then is called by the next Run.
func (p *Pinger) Run(ctx context.Context) {
	defer p.caller.Close()
	var calls sync.WaitGroup
	defer calls.Wait()
	for ctx.Err() == nil {
		wait := p.look(ctx, &calls)
		pause(ctx, p.Backoff.Look) // a backup that logs moves all the time
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-p.Host.Moved():
		case <-p.again:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// look begins the calls that are due, and says when to look again.
func (p *Pinger) look(ctx context.Context, calls *sync.WaitGroup) time.Duration {
	targets := p.targets()
	known := map[job.Key]bool{}
	told := map[problem][]*jobdir.Dir{}
	for _, dir := range p.Host.Dirs() {
		known[dir.Key()] = true
		spec := dir.Spec()
		at := problem{spec.ScheduleID, spec.Repository.ID}
		if _, called := targets[at]; called && spec.Kind == job.Backup {
			told[at] = append(told[at], dir)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.Backoff.Most
	for at, dirs := range told {
		for _, dir := range dirs {
			if wait := p.one(ctx, calls, dir, targets[at], dirs); wait > 0 {
				next = min(next, wait)
			}
		}
	}
	for key := range p.jobs {
		if !known[key] {
			delete(p.jobs, key)
		}
	}
	return next
}

// target is where a schedule is told of for one repository.
type target struct {
	address  string
	schedule *fleetv1.Schedule
}

// targets are what the schedules name and the owner allows. What is refused is told
// the controller.
func (p *Pinger) targets() map[problem]target {
	out, refused := map[problem]target{}, map[problem]string{}
	for _, of := range p.Host.Scheduled() {
		for _, one := range of.By {
			if one.GetPingUrl() == "" {
				continue
			}
			at := problem{one.GetId(), of.Repository.ID}
			address := schedule.PingFor(one.GetPingUrl(), p.Agent, of.Repository.Name)
			if err := p.Allows(address); err != nil {
				refused[at] = err.Error()
			} else {
				out[at] = target{address, one}
			}
		}
	}
	p.tellRefused(refused)
	return out
}

func (p *Pinger) tellRefused(refused map[problem]string) {
	p.mu.Lock()
	changed := len(refused) != len(p.problems)
	for at, why := range refused {
		if p.problems[at] != why {
			changed = true
			p.Logger.Warn("a schedule's ping URL is not called", "schedule", at.schedule, "repository", at.repository, "err", why)
		}
	}
	if changed {
		p.problems = refused
		p.version++
	}
	p.mu.Unlock()
	if changed {
		p.Host.Stir()
	}
}

// one calls for a job what is due, and says when to look at it again; 0: it is for
// others to say. all are those of its schedule and repository: their calls come one
// after another, as the service must hear them. p.mu is held.
func (p *Pinger) one(ctx context.Context, calls *sync.WaitGroup, dir *jobdir.Dir, to target, all []*jobdir.Dir) time.Duration {
	st := p.jobs[dir.Key()]
	if st == nil {
		done, err := dir.Pinged()
		if err != nil {
			return p.Backoff.First
		}
		st = &pings{done: done}
		p.jobs[dir.Key()] = st
	}
	if st.done == jobdir.PingedEnd || p.calling(all) {
		return 0
	}
	verdict, err := dir.Verdict()
	if err != nil {
		return p.Backoff.First
	}
	if verdict == nil {
		if started, err := dir.Started(); err == nil && started != nil && st.done == jobdir.PingedNone {
			p.begin(ctx, calls, dir, st, call{address: suffixed(to.address, "start"), last: true, done: jobdir.PingedStart})
		}
		return 0
	}
	return p.end(ctx, calls, dir, st, to, all, *verdict)
}

// calling says whether a call for one of them is on its way.
func (p *Pinger) calling(all []*jobdir.Dir) bool {
	return slices.ContainsFunc(all, func(d *jobdir.Dir) bool {
		st := p.jobs[d.Key()]
		return st != nil && st.calling
	})
}

// end calls for a job that has ended, if it is for this one to tell how things stand.
func (p *Pinger) end(ctx context.Context, calls *sync.WaitGroup, dir *jobdir.Dir, st *pings, to target, all []*jobdir.Dir, v job.Verdict) time.Duration {
	now, due, held := p.Now(), v.EndedAt, false
	if !v.Status.Good() {
		if retry := retryUntil(dir.Spec(), to.schedule, v); retry.After(due) {
			due, held = retry, now.Before(retry)
		}
	}
	switch {
	case overtaken(dir, v, all):
		p.settle(dir, st)
		return 0
	case held: // the service need not hear of an attempt that another one follows
		return min(due.Sub(now), p.Backoff.Most)
	case now.Sub(due) > p.Backoff.GiveUp:
		if st.tries > 0 {
			p.Logger.Error("a schedule's ping URL could not be called for a backup, and is not any more", "job", dir.Key())
		}
		p.settle(dir, st)
		return 0
	}
	if wait := st.next.Sub(now); wait > 0 {
		return min(wait, p.Backoff.Most)
	}
	address := to.address
	if !v.Status.Good() {
		address = suffixed(address, "fail")
	}
	p.begin(ctx, calls, dir, st, call{address: address, done: jobdir.PingedEnd})
	return 0
}

// settle: there is nothing to call for it any more.
func (p *Pinger) settle(dir *jobdir.Dir, st *pings) {
	st.done = jobdir.PingedEnd
	p.note(dir, st.done)
}

// suffixed puts a word behind the path, as the services that wait for calls have it.
func suffixed(address, word string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.JoinPath(word).String()
}

// call is one that is due.
type call struct {
	address string
	last    bool // it is not made again
	done    jobdir.Pinged
}

// begin makes a call beside everything else. p.mu is held.
func (p *Pinger) begin(ctx context.Context, calls *sync.WaitGroup, dir *jobdir.Dir, st *pings, c call) {
	st.calling = true
	calls.Go(func() {
		select {
		case p.room <- struct{}{}:
			defer func() { <-p.room }()
		case <-ctx.Done():
			return
		}
		err := p.caller.Call(ctx, c.address)
		if ctx.Err() != nil {
			return
		}
		if err == nil || c.last {
			p.note(dir, c.done)
		}
		p.ended(dir, st, c, err)
		select {
		case p.again <- struct{}{}:
		default:
		}
	})
}

func (p *Pinger) ended(dir *jobdir.Dir, st *pings, c call, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	st.calling = false
	if err != nil && st.tries == 0 {
		p.Logger.Warn("a schedule's ping URL does not answer", "job", dir.Key(), "err", err)
	}
	if err == nil || c.last {
		st.done, st.tries = c.done, 0
		return
	}
	st.tries++
	d := p.Backoff.First
	for range st.tries - 1 {
		d = min(2*d, p.Backoff.Most)
	}
	st.next = p.Now().Add(d/2 + rand.N(d/2+1))
}

// note outlives the daemon. That it cannot be written has the call made once more.
func (p *Pinger) note(dir *jobdir.Dir, done jobdir.Pinged) {
	if err := dir.SetPinged(done); err != nil {
		p.Logger.Warn("note a ping", "job", dir.Key(), "err", err)
	}
}

// With adds to what a timetable tells why ping URLs are not called.
func (p *Pinger) With(states func() ([]schedule.State, string, uint64)) func() ([]schedule.State, string, uint64) {
	return func() ([]schedule.State, string, uint64) {
		all, zone, version := states()
		if version == 0 {
			return all, zone, version // it has not looked yet
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		out := make([]schedule.State, 0, len(all))
		for _, s := range all {
			s.Ping = p.problems[problem{s.Schedule, s.Repository}]
			out = append(out, s)
		}
		return out, zone, version + p.version
	}
}
