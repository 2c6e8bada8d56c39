package timetable

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"borgfleet/agent/internal/daemon"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/clock"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

// Host is what makes and keeps the jobs; *daemon.Daemon is one.
type Host interface {
	Scheduled() []daemon.Scheduled
	Dirs() []*jobdir.Dir
	Fire(job.Key, job.Spec) error
	Turn() <-chan struct{} // receives when schedules or jobs have changed
	Stir()                 // there is something new to tell the controller

	Linked() (connected bool, lostAt time.Time) // to the controller, whose word has been taken in
}

// Options is what a Timetable needs.
type Options struct {
	Host    Host
	Dir     string // for what it remembers
	Checked string // where the daemon remembers checks
	Now     func() time.Time
	Zone    func() (own *time.Location, name string) // see HostZone
	Logger  *slog.Logger
}

// Timetable is a host's schedules at work.
type Timetable struct {
	o      Options
	memory cursors
	said   map[string]bool // problems that are in the log already

	mu      sync.Mutex
	states  []schedule.State // guarded by mu
	zone    string           // its name, that they are for; guarded by mu
	version uint64           // of both; guarded by mu
}

// New makes a timetable; Run fires.
func New(o Options) *Timetable {
	return &Timetable{o: o, memory: cursors{o.Dir, map[int64]map[string]schedule.Cursor{}}, said: map[string]bool{}}
}

// mostSchedules bounds what each look costs, whatever a controller sends: of so
// many it takes some 40 ms.
const mostSchedules = 1000

// Run fires until ctx ends.
func (t *Timetable) Run(ctx context.Context) {
	t.hearFirst(ctx, hearFirst)
	for ctx.Err() == nil {
		wait := t.look()
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-t.o.Host.Turn():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// hearFirst is how long a controller that can be reached has to say what was
// changed while the agent did not run. Nothing is late by that.
const hearFirst = 15 * time.Second

// hearFirst keeps a schedule that was paused or deleted meanwhile from being fired
// once more.
func (t *Timetable) hearFirst(ctx context.Context, limit time.Duration) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(limit)
	defer end.Stop()
	for {
		if connected, _ := t.o.Host.Linked(); connected {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-tick.C:
		}
	}
}

// States is how the schedules stand, the host's zone, and a number that changes
// when they do.
func (t *Timetable) States() ([]schedule.State, string, uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.states, t.zone, t.version
}

// look deals with all that is due, and says when to look again.
func (t *Timetable) look() time.Duration {
	now := t.o.Now()
	zone, name := t.o.Zone()
	next := now.Add(clock.Unheard)
	runs := runsOf(t.o.Host.Dirs(), now)
	states := []schedule.State{} // never nil: a host without schedules says so
	var keep []int64
	left := mostSchedules
	for _, of := range t.o.Host.Scheduled() {
		keep = append(keep, of.Repository.ID)
		taken := min(len(of.By), left)
		if taken < len(of.By) {
			t.complain(fmt.Sprintf("the controller has more than %d schedules for this host; the rest is left alone", mostSchedules))
		}
		left -= taken
		r := &round{t: t, repo: of.Repository, runs: runs, now: now, zone: zone}
		states = append(states, r.all(of.By[:taken], of.By[taken:])...)
		if !r.look.IsZero() && r.look.Before(next) {
			next = r.look
		}
	}
	t.memory.only(keep)
	t.publish(states, name)
	return max(next.Sub(t.o.Now()), time.Millisecond)
}

func (t *Timetable) publish(states []schedule.State, zone string) {
	t.mu.Lock()
	changed := t.version == 0 || zone != t.zone || !reflect.DeepEqual(states, t.states)
	if changed {
		t.states, t.zone = states, zone
		t.version++
	}
	t.mu.Unlock()
	if changed {
		t.o.Host.Stir()
	}
}

// complain puts what is wrong into the log, once. It is told at each look.
func (t *Timetable) complain(what string) {
	if t.said[what] {
		return
	}
	if len(t.said) > mostSaid {
		clear(t.said) // what a controller sends must not fill the memory
	}
	t.said[what] = true
	t.o.Logger.Error(what)
}

const mostSaid = 100
