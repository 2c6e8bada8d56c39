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

	jobs  map[job.Key]*pings // of look alone
	looks uint64             // so many were there; of look alone

	mu       sync.Mutex
	problems map[problem]string // guarded by mu
	version  uint64             // of problems; guarded by mu
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
	p.looks++
	targets := p.targets()
	known := map[job.Key]bool{}
	next := p.Backoff.Most
	told := map[problem][]*pings{}
	for _, dir := range p.Host.Dirs() {
		known[dir.Key()] = true
		spec := dir.Spec()
		at := problem{spec.ScheduleID, spec.Repository.ID}
		if _, called := targets[at]; !called || spec.Kind != job.Backup {
			continue
		}
		st, err := p.of(dir)
		if err != nil {
			next = min(next, p.Backoff.First)
		}
		if st != nil {
			told[at] = append(told[at], st)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for at, all := range told {
		next = min(next, p.together(ctx, calls, targets[at], all))
	}
	for key := range p.jobs {
		if !known[key] {
			delete(p.jobs, key)
		}
	}
	return next
}

// of gives what is known of a job, as the disk has it now; nil: nothing is. An error
// may come with it: then it is to be looked at again soon.
func (p *Pinger) of(dir *jobdir.Dir) (*pings, error) {
	st := p.jobs[dir.Key()]
	if st == nil {
		done, err := dir.Pinged()
		if err != nil {
			return nil, err
		}
		st = newPings(dir, done)
		p.jobs[dir.Key()] = st
	}
	p.mu.Lock()
	settled := st.done == jobdir.PingedEnd
	p.mu.Unlock()
	if settled {
		return st, nil
	}
	return st, st.read(p.Now(), p.looks)
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

// together begins the call that is due for the jobs of one schedule and repository, and
// says when to look at them again. Their calls come one after another, as the service
// must hear them: the ends of older backups before those of newer ones, and before a
// newer one's beginning. p.mu is held.
func (p *Pinger) together(ctx context.Context, calls *sync.WaitGroup, to target, all []*pings) time.Duration {
	for _, st := range overtaken(all) {
		p.settle(st)
	}
	if slices.ContainsFunc(all, func(st *pings) bool { return st.calling }) {
		return p.Backoff.Most // it wakes the look when it has come to its end
	}
	next := p.Backoff.Most
	for _, st := range openEnds(all) {
		wait, due := p.end(ctx, calls, st, to, all)
		if next = min(next, wait); due {
			return next
		}
	}
	for _, st := range all {
		if st.begun && st.end == nil && st.done == jobdir.PingedNone {
			p.begin(ctx, calls, st, call{address: suffixed(to.address, "start"), last: true, done: jobdir.PingedStart})
			break
		}
	}
	return next
}

// end calls for a job that has ended, and says when to look at it again, and whether
// what is newer has to wait for that.
func (p *Pinger) end(ctx context.Context, calls *sync.WaitGroup, st *pings, to target, all []*pings) (wait time.Duration, due bool) {
	now, from := p.Now(), st.endedAt
	retry := retryUntil(st, to.schedule)
	if retry.After(from) {
		from = retry
	}
	switch {
	case now.Before(retry): // the service need not hear of an attempt that another one follows
		return min(retry.Sub(now), p.Backoff.Most), false
	case now.Sub(from) > p.Backoff.GiveUp:
		if st.tries > 0 {
			p.Logger.Error("a schedule's ping URL could not be called for a backup, and is not any more", "job", st.dir.Key())
		}
		p.settle(st)
		return p.Backoff.Most, false
	case !retry.IsZero() && anyRuns(all): // after that one's beginning this would be heard as its end
		return p.Backoff.Most, false
	}
	if wait := st.next.Sub(now); wait > 0 {
		return min(wait, p.Backoff.Most), true
	}
	address := to.address
	if !st.end.Status.Good() {
		address = suffixed(address, "fail")
	}
	p.begin(ctx, calls, st, call{address: address, done: jobdir.PingedEnd})
	return p.Backoff.Most, true
}

// settle: there is nothing to call for it any more.
func (p *Pinger) settle(st *pings) {
	st.done = jobdir.PingedEnd
	p.note(st.dir, st.done)
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
func (p *Pinger) begin(ctx context.Context, calls *sync.WaitGroup, st *pings, c call) {
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
			p.note(st.dir, c.done)
		}
		p.ended(st, c, err)
		select {
		case p.again <- struct{}{}:
		default:
		}
	})
}

func (p *Pinger) ended(st *pings, c call, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	st.calling = false
	if err != nil && st.tries == 0 {
		p.Logger.Warn("a schedule's ping URL does not answer", "job", st.dir.Key(), "err", err)
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
