package daemon

import (
	"errors"

	"borgfleet/agent/internal/jobdir"
)

// errDraining refuses new jobs of this host's own.
var errDraining = errors.New("this host is draining and takes no new jobs")

// Drain makes the host take no new jobs, or take them again. Those that run go
// on; what is ordered meanwhile is kept on disk, not begun, and may start when
// this ends: now or with the next daemon.
func (d *Daemon) Drain(on bool) {
	d.mu.Lock()
	changed := d.draining != on
	d.draining = on
	if changed {
		d.announce()
	}
	d.mu.Unlock()
	if !changed {
		return
	}
	d.log.Info("drain", "draining", on)
	d.stir()
}

// Draining says whether the host takes no new jobs.
func (d *Daemon) Draining() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.draining
}

// Underway gives the jobs that have a process, or a borg, or had a start that
// nobody has found the end of yet: those that a drain waits for.
func (d *Daemon) Underway() []*jobdir.Dir {
	var out []*jobdir.Dir
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.jobs {
		if !t.dir.Ended() && (t.place || t.dir.Locked() || t.dir.BorgRunning()) {
			out = append(out, t.dir)
		}
	}
	return out
}

// Unreported gives the jobs that have ended and that the controller has not all
// of. They are safe on this host's disk.
func (d *Daemon) Unreported() []*jobdir.Dir {
	var out []*jobdir.Dir
	for _, dir := range d.Dirs() {
		if dir.Ended() && !dir.Replicated() {
			out = append(out, dir)
		}
	}
	return out
}

// mustWait says whether a job that may otherwise start is kept back by a drain
// or by the host's limit, and what to wait for then. A wish to cancel is carried
// out all the same; so is what was begun: only a job process can say what became
// of that.
func (d *Daemon) mustWait(t *tended) (news <-chan struct{}, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	started, err := t.dir.Started()
	if err != nil && started == nil {
		return nil, err
	}
	if started != nil || t.dir.Locked() || t.dir.BorgRunning() {
		t.place, t.slot = true, t.dir.Spec().Kind.NeedsHostSlot()
		return nil, nil
	}
	if (!d.draining || t.brief(d.o.Now())) && d.settle(t) {
		return nil, nil
	}
	return d.news, nil
}

// sayGoesOn names the jobs that outlive this daemon.
func (d *Daemon) sayGoesOn() {
	for _, dir := range d.Underway() {
		id, _ := dir.ID() // 0: not told yet
		spec := dir.Spec()
		d.log.Info("the job goes on without the agent", "job", dir.Key(), "id", id, "kind", spec.Kind, "repository", spec.Repository.Path)
	}
}
