package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"borgfleet/scripts/faultfs"
	"borgfleet/scripts/testenv"
)

// trial is one seed's run.
type trial struct {
	seed uint64
	plan plan
	bin  string
	dir  string

	env        *testenv.Env
	controller *unit
	daemons    map[string]*unit
	borg       map[string]witness // by host
	watch      *observer
	repoDisk   *faultfs.FS      // that the location of "many" is on; nil: the machine's own
	counter    atomic.Uint64    // of idempotency keys and boots
	ids        map[string]int64 // of repositories
	memory     memory
	began      time.Time
	fires      map[string]int // what schedules have made

	mu       sync.Mutex // guards what follows
	problems []string
	asked    []asked
	losses   []loss
	settled  int64 // the last job of the rounds that are over

	jobs  []testenv.Job // all of them, at the end
	lines int
	took  time.Duration
}

// asked is work that somebody was promised.
type asked struct {
	work
	id    int64
	heard bool   // a host's daemon took a local job
	to    string // where a restore writes
}

func newTrial(seed uint64, o options, base string) *trial {
	return &trial{
		seed: seed, plan: draw(seed, choose(o.only, o.noDisks)), bin: o.bin,
		dir: filepath.Join(base, fmt.Sprintf("seed-%d", seed)), daemons: map[string]*unit{}, borg: map[string]witness{},
		ids: map[string]int64{}, memory: newMemory(),
	}
}

func (t *trial) wrong() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.problems) > 0
}

func (t *trial) problem(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

// run never fails: whatever goes wrong is a problem of this seed.
func (t *trial) run(ctx context.Context) {
	t.began = time.Now()
	defer func() { t.took = time.Since(t.began) }()
	if err := t.setUp(ctx); err != nil {
		t.problem("set up: %v", err)
	} else {
		t.work(ctx)
	}
	if t.env != nil {
		if err := t.env.Close(); err != nil {
			t.problem("end: %v", err)
		}
	}
	if t.repoDisk != nil {
		if err := t.repoDisk.Unmount(); err != nil {
			t.problem("end: %v", err)
		}
	}
}

// work is everything between a healthy fleet and its end.
func (t *trial) work(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	if err := t.roundOver(); err != nil { // the first backups
		t.problem("before the first round: %v", err)
	}
	watching.Go(func() { t.keep(ctx) })
	watching.Go(func() { t.watch.run(ctx) })
	for i, r := range t.plan.rounds {
		if i > 0 {
			if err := t.pauseSchedules(false); err != nil {
				t.problem("%v", err)
			}
		}
		t.round(ctx, r)
		for _, h := range hosts() {
			if err := t.minutesPass(h); err != nil {
				t.problem("%v", err)
			}
		}
		if err := t.heal(); err != nil {
			t.problem("heal: %v", err)
		}
		if err := t.rest(); err != nil {
			t.problem("schedules do not rest: %v", err)
			break
		}
		if err := t.settle(); err != nil {
			t.problem("not settled: %v; there is %s", err, strings.Join(t.strangers(), ", "))
			break
		}
		if err := t.roundOver(); err != nil {
			t.problem("after a round: %v", err)
		}
		if err := t.checkFires(); err != nil {
			t.problem("after a round: %v", err)
		}
	}
	stop()
	watching.Wait()
	t.check()
}

// keep is what brings programs back that end by themselves.
func (t *trial) keep(ctx context.Context) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, u := range t.units() {
			if _, err := u.keep(); err != nil && ctx.Err() == nil {
				t.problem("start again what had ended: %v", err)
			}
		}
	}
}

func (t *trial) units() []*unit {
	all := []*unit{t.controller}
	for _, h := range hosts() {
		all = append(all, t.daemons[h])
	}
	return all
}

// round lets work and faults happen at once. Their times are drawn, so they are
// slept through.
func (t *trial) round(ctx context.Context, r round) {
	var g errgroup.Group
	for _, w := range r.work {
		g.Go(func() error {
			pause(ctx, w.after)
			t.ask(ctx, w)
			return nil
		})
	}
	for _, f := range r.faults {
		g.Go(func() error {
			pause(ctx, f.at)
			t.strike(ctx, f)
			return nil
		})
	}
	var backup string
	if r.lose {
		g.Go(func() (err error) {
			if backup, err = t.controllerBackup(ctx, r.backup); err == nil {
				err = t.moveHourly()
			}
			if err != nil {
				t.problem("%v", err)
			}
			return err
		})
	}
	if err := g.Wait(); err == nil && r.lose {
		if err := t.loseIt(backup, t.seed%2 == 0); err != nil {
			t.problem("the controller is lost: %v", err)
		}
	}
	if r.absent {
		t.withoutHost(ctx)
	}
}

func (t *trial) strike(ctx context.Context, f fault) {
	if f.kind.lose {
		t.mayLose(f.victim)
	}
	if err := f.kind.hit(t, f); err != nil {
		t.problem("%s: %v", f, err)
	}
	pause(ctx, f.lasts)
	if f.long {
		if err := t.outlast(f); err != nil {
			t.problem("%s: %v", f, err)
		}
	}
	if f.kind.heal == nil {
		return
	}
	if err := f.kind.heal(t, f); err != nil {
		t.problem("end of %s: %v", f, err)
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

// heal ends whatever is still wrong.
func (t *trial) heal() error {
	errs := []error{t.goodClocks()}
	t.healDisks()
	for _, h := range hosts() {
		host := t.env.Hosts[h]
		host.Proxy.Restore()
		errs = append(errs, t.borg[h].release(), send(contSignal, append(host.JobProcesses(), host.Borgs()...)...))
	}
	for _, u := range t.units() {
		errs = append(errs, u.up())
	}
	return errors.Join(append(errs, t.healRefused(), t.healDrains())...)
}

// settle waits until all work has ended and all of its log has arrived. What a
// host has not announced yet cannot be waited for: so the hosts come first.
func (t *trial) settle() error {
	for _, h := range hosts() {
		if err := t.env.AwaitOnline(h); err != nil {
			return err
		}
	}
	t.mu.Lock()
	all := append([]asked(nil), t.asked...)
	t.mu.Unlock()
	for _, a := range all {
		if a.id == 0 {
			continue
		}
		if _, err := t.env.Finish(a.id); err != nil {
			return err
		}
	}
	return t.env.Await("no job is under way", func() (bool, error) {
		jobs, err := t.allJobs()
		if err != nil {
			return false, err
		}
		if n := announced(jobs); n < t.heardOnHosts() {
			return false, fmt.Errorf("%d jobs were promised on hosts, %d are known", t.heardOnHosts(), n)
		}
		if err := t.notHeard(); err != nil {
			return false, err
		}
		for _, j := range jobs {
			if !j.Final() || (!j.LogComplete && j.StartedAt != "") {
				return false, fmt.Errorf("job %d is %s, its log complete: %v", j.ID, j.Status, j.LogComplete)
			}
			if strings.HasPrefix(j.Maintenance, "running_") {
				return false, fmt.Errorf("job %d says %s", j.ID, j.Maintenance)
			}
		}
		return true, nil
	})
}

// announced counts what people asked for on hosts.
func announced(jobs []testenv.Job) (n int) {
	for _, j := range jobs {
		if j.Kind == "backup" && j.TriggeredBy == "agent" {
			n++
		}
	}
	return n
}

// heardOnHosts counts the jobs that a host's daemon took from people.
func (t *trial) heardOnHosts() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range t.asked {
		if a.heard {
			n++
		}
	}
	return n
}

// allJobs is every job of every kind.
func (t *trial) allJobs() ([]testenv.Job, error) {
	var out struct {
		Jobs []testenv.Job
		Next *string `json:"next_cursor"`
	}
	if err := t.env.API.Get("/api/backup/jobs?limit=1000"+allKinds(), &out); err != nil {
		return nil, err
	}
	if out.Next != nil {
		return nil, errors.New("there are more than 1000 jobs")
	}
	return out.Jobs, nil
}

func allKinds() (query string) {
	for _, k := range []string{"init", "backup", "list", "restore", "check"} {
		query += "&kind=" + k
	}
	return query
}
