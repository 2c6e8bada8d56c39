// Package daemon looks after an agent's jobs: it makes their directories,
// starts their job processes, and notices what becomes of them. It holds no
// job state in memory that is not on disk: after a restart, or a crash, it
// reads the directories and goes on.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"sync"
	"time"

	"borgfleet/agent/internal/atomicfile"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/state"
	"borgfleet/agent/internal/witness"
	"borgfleet/shared/job"
)

// Options is what a Daemon needs.
type Options struct {
	State       state.Dir
	MaxParallel int // the host's own limit, for jobs started on its own authority
	Logger      *slog.Logger
	Now         func() time.Time
	// Spawn makes the command of a job's process; it is handed the job's lock.
	Spawn func(d *jobdir.Dir, lock *jobdir.Lock) *exec.Cmd
	// OwnAuthority is how long the controller must have been out of contact
	// before announced jobs start without its word.
	OwnAuthority time.Duration
	// Look says whether somebody else has changed a repository, and names its
	// state. It may hang with a disk. nil: nobody looks.
	Look func(job.Repository) (c witness.Change, mark string)
	// Unsealed says whether something of a repository is still to be sealed to
	// the recovery key, and names it. nil: nobody asks.
	Unsealed func(job.Repository) (mark string, due bool)
	// Accepted reads which recovery key the host's owner has accepted. nil: none.
	Accepted func() string
}

// Daemon is one host's jobs.
type Daemon struct {
	o   Options
	log *slog.Logger

	wg sync.WaitGroup

	mu          sync.Mutex
	ctx         context.Context     // of Run; guarded by mu
	jobs        map[job.Key]*tended // guarded by mu
	desired     *definitions        // guarded by mu
	accepted    string              // the recovery key that the owner has accepted, as last read; guarded by mu
	heldChanges uint64              // how often what is held otherwise has changed; guarded by mu
	changed     map[job.Key]bool    // for the link, see TakeChanged; guarded by mu
	linked      bool                // the controller answers; guarded by mu
	lostAt      time.Time           // when it last did not; guarded by mu

	draining bool // no new jobs are begun; guarded by mu

	following sync.Mutex // held by who makes the step after a job: two would make the same one; taken before mu

	seen map[int64]*noticed // by definition; guarded by mu, and so is what it points to
	look chan struct{}      // look at the repositories now
	turn chan struct{}      // the timetable should look at schedules and jobs
	ping chan struct{}      // some job may have begun or ended

	damaged []job.Key     // directories that cannot be opened; guarded by mu
	wake    chan struct{} // the link should look at changed
	news    chan struct{} // closed and replaced when an announced job should ask again; guarded by mu
	again   time.Duration // after a failure that may pass
}

// tryAgain is how long a failure of the disk is given to pass.
const tryAgain = time.Second

// New opens the agent's jobs. Nothing starts before Run.
func New(o Options) (*Daemon, error) {
	d := &Daemon{
		o: o, log: o.Logger,
		jobs: map[job.Key]*tended{}, changed: map[job.Key]bool{},
		seen: map[int64]*noticed{}, look: make(chan struct{}, 1),
		turn: make(chan struct{}, 1), ping: make(chan struct{}, 1),
		wake: make(chan struct{}, 1), news: make(chan struct{}),
		lostAt: o.Now(), again: tryAgain,
	}
	var err error
	if d.desired, err = openDefinitions(o.State.Desired()); err != nil {
		return nil, err
	}
	dirs, damaged, err := jobdir.List(o.State.Jobs())
	if err != nil {
		return nil, fmt.Errorf("read jobs: %w", err)
	}
	for _, bad := range damaged {
		// One damaged directory must not keep the host from being backed up.
		d.log.Error("damaged job directory left alone", "path", bad.Path, "err", bad.Err)
		if key, ok := bad.Key(); ok {
			d.damaged = append(d.damaged, key)
		}
	}
	for _, dir := range dirs {
		d.jobs[dir.Key()] = newTended(dir)
	}
	d.sweep()
	d.readAccepted()
	return d, nil
}

// sweep clears away the half-written files of processes that died. A disk that
// refuses keeps nobody from being backed up.
func (d *Daemon) sweep() {
	places := []string{d.o.State.Path(), d.o.State.Known(), d.o.State.Totals(), d.o.State.Schedules(), d.o.State.Checked()}
	for _, t := range d.jobs {
		places = append(places, t.dir.Path())
	}
	for _, p := range places {
		if err := atomicfile.Sweep(p); err != nil {
			d.log.Warn("half-written files stay", "path", p, "err", err)
		}
	}
}

// Run tends every job until ctx ends. Job processes go on after that: they are
// in sessions of their own, and the next daemon finds them.
func (d *Daemon) Run(ctx context.Context) error {
	d.mu.Lock()
	d.ctx = ctx
	all := make([]*tended, 0, len(d.jobs))
	for _, t := range d.jobs {
		all = append(all, t)
	}
	d.mu.Unlock()
	for _, t := range all {
		d.tend(ctx, t)
		d.followUp(t.dir)
	}
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			d.sayGoesOn()
			d.wg.Wait()
			return nil
		case <-tick.C:
			d.tidy()
		case <-look.C:
			d.readAgain()
			d.readAccepted()
			d.followAgain()
			d.lookAround()
		case <-d.look:
			d.lookAround()
		}
	}
}

// add makes a new directory known and tended, unless somebody has taken it up who
// wanted to make the same: a job is looked after by one.
func (d *Daemon) add(dir *jobdir.Dir) *tended {
	d.mu.Lock()
	if t, known := d.jobs[dir.Key()]; known {
		d.mu.Unlock()
		return t
	}
	t := newTended(dir)
	d.jobs[dir.Key()] = t
	d.damaged = slices.DeleteFunc(d.damaged, func(k job.Key) bool { return k == dir.Key() })
	ctx := d.ctx
	d.mu.Unlock()
	d.touch(dir.Key())
	if ctx != nil {
		d.tend(ctx, t)
	}
	return t
}

func (d *Daemon) get(key job.Key) (*tended, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.jobs[key]
	return t, ok
}

// touch tells the link that there is something new about a job.
func (d *Daemon) touch(key job.Key) { d.tell(key, false) }

// sayAgain makes the link repeat what it said of a job: it did not arrive.
func (d *Daemon) sayAgain(key job.Key) { d.tell(key, true) }

func (d *Daemon) tell(key job.Key, again bool) {
	d.mu.Lock()
	d.changed[key] = d.changed[key] || again
	d.mu.Unlock()
	d.stir()
	select {
	case d.ping <- struct{}{}:
	default:
	}
}

// Moved receives when some job may have begun or ended.
func (d *Daemon) Moved() <-chan struct{} { return d.ping }

// stir makes the link look whether there is something to say.
func (d *Daemon) stir() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Wake receives when TakeChanged has something.
func (d *Daemon) Wake() <-chan struct{} { return d.wake }

// TakeChanged gives the jobs that changed since the last call; true are those
// of which everything should be said again.
func (d *Daemon) TakeChanged() map[job.Key]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	changed := d.changed
	d.changed = map[job.Key]bool{}
	return changed
}

// SetLinked tells whether the controller is in contact.
func (d *Daemon) SetLinked(linked bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.linked == linked {
		return
	}
	d.linked = linked
	if !linked {
		d.lostAt = d.o.Now()
	}
	d.announce()
}

// Linked says whether the controller is in contact, and since when it is not.
func (d *Daemon) Linked() (bool, time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.linked, d.lostAt
}

// Damaged gives the jobs whose directories could not be opened: nothing is
// known of them but that they are here.
func (d *Daemon) Damaged() []job.Key {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.damaged)
}

// Dirs gives every job directory.
func (d *Daemon) Dirs() []*jobdir.Dir {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]*jobdir.Dir, 0, len(d.jobs))
	for _, t := range d.jobs {
		out = append(out, t.dir)
	}
	return out
}

// Dir gives one job's directory.
func (d *Daemon) Dir(key job.Key) (*jobdir.Dir, bool) {
	t, ok := d.get(key)
	if !ok {
		return nil, false
	}
	return t.dir, true
}

var errNoSuchJob = errors.New("no such job on this host")
