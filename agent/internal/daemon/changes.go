package daemon

import (
	"time"

	"borgfleet/agent/internal/witness"
	"borgfleet/shared/job"
)

const (
	// lookEvery is how soon a change by hand is noticed at the latest.
	lookEvery = 30 * time.Second
	// listAgain is the pause before the same state of a repository is listed
	// once more, because the first list failed. It grows: what fails for an
	// hour will not go well in a minute.
	listAgain     = time.Minute
	listAtMost    = 6 * time.Hour
	strangerGrace = time.Minute // for the controller to order the first list itself
)

// noticed is what the looks at one definition's repository have come to.
type noticed struct {
	looking bool          // a look is under way; it may be at a disk that hangs
	mark    string        // the state that differs
	since   time.Time     // when it was first seen
	next    time.Time     // no list of it before
	pause   time.Duration // until the one after that
}

// lookAround looks at every definition's repository, each in a goroutine of its
// own that nobody waits for: a look at a disk that hangs does not return.
func (d *Daemon) lookAround() {
	if d.o.Look == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.seen {
		if _, there := d.desired.repos[id]; !there {
			delete(d.seen, id)
		}
	}
	for id, repo := range d.desired.repos {
		n := d.seen[id]
		if n == nil {
			n = &noticed{}
			d.seen[id] = n
		}
		if n.looking || d.working(repo) {
			continue
		}
		n.looking = true
		go func() {
			d.noticed(repo, n, d.findOut(repo))
			// Not before: two looks must not both find a list due.
			d.mu.Lock()
			n.looking = false
			d.mu.Unlock()
		}()
	}
}

// lookSoon is called when a job has ended.
func (d *Daemon) lookSoon() {
	select {
	case d.look <- struct{}{}:
	default:
	}
}

// noticed orders a list if one is due.
func (d *Daemon) noticed(repo job.Repository, n *noticed, r reason) {
	by, due := d.listDue(repo, n, r)
	if !due {
		return
	}
	dir, err := d.make(job.Spec{Kind: job.List, Repository: repo, RequestedBy: by})
	if err != nil {
		d.log.Error("list what has changed", "repository", repo.Path, "err", err)
		return
	}
	d.log.Info("repository changed, listing it", "repository", repo.Path, "job", dir.Key(), "why", by)
}

// reason is why a repository should be listed.
type reason struct {
	change   witness.Change
	unsealed bool   // a job is wanted only because borg opens the repository in it
	mark     string // the state that is the reason
}

// findOut looks for a reason. What a list finds out anyway comes first.
func (d *Daemon) findOut(repo job.Repository) reason {
	change, mark := d.o.Look(repo)
	if change != witness.None || d.o.Unsealed == nil {
		return reason{change: change, mark: mark}
	}
	mark, due := d.o.Unsealed(repo)
	return reason{unsealed: due, mark: mark}
}

func (d *Daemon) listDue(repo job.Repository, n *noticed, r reason) (by string, due bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.o.Now()
	switch {
	case d.ctx != nil && d.ctx.Err() != nil, d.draining:
		return "", false
	case r.change == witness.None && !r.unsealed:
		*n = noticed{looking: true}
		return "", false
	case r.mark != n.mark:
		*n = noticed{looking: true, mark: r.mark, since: now, pause: listAgain}
	}
	by = "changes by hand"
	switch {
	case r.unsealed:
		by = "the agent: not sealed to the recovery key yet"
	case r.change == witness.Unknown:
		by = "the agent: not listed yet"
	}
	if r.change != witness.Changed {
		if repo.BorgID == "" || now.Sub(n.since) < strangerGrace {
			return "", false
		}
	}
	if now.Before(n.next) || d.working(repo) {
		return "", false
	}
	n.next, n.pause = now.Add(n.pause), min(4*n.pause, listAtMost)
	return by, true
}

// working says whether a job of ours on the repository's place is not over: its
// end is looked at anyway. mu is held.
func (d *Daemon) working(repo job.Repository) bool {
	place, _ := job.NormalPath(repo.Path)
	for _, t := range d.jobs {
		if other, _ := job.NormalPath(t.dir.Spec().Repository.Path); other == place && !t.dir.Ended() {
			return true
		}
	}
	return false
}
