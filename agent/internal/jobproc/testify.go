package jobproc

import (
	"cmp"

	"borgfleet/agent/internal/witness"
	"borgfleet/shared/job"
)

// lookBefore notes what the repository looks like right before borg is
// executed, and says whether that is how this agent left it, with nobody at
// work on it. Whoever begins in the moment until borg has the repository's lock
// is not seen.
func (p *process) lookBefore() (undisturbed bool) {
	p.before, p.looked = witness.Facts{}, false
	repo := p.spec.Repository
	if !p.looksAtArchives() {
		return false
	}
	known, ok := p.memory().Known(repo.ID)
	f, busy, err := witness.LookSoon(p.host, repo.Path, cmp.Or(repo.BorgID, known.BorgID))
	if err != nil {
		return false
	}
	p.before, p.looked = f, true
	return ok && !busy && f == known
}

// looksAtArchives: these jobs change the repository, or tell all its archives.
func (p *process) looksAtArchives() bool {
	switch p.spec.Kind {
	case job.Backup, job.Init, job.Prune, job.Compact:
		return true
	case job.List:
		return p.spec.List == nil || p.spec.List.Archive == ""
	}
	return false
}

// calmly is asked by who was there when borg has gone: later others may have
// come. What borg saw itself, under its lock, counts too. Its cache is synced when others have written with other
// directories.
func (r *run) calmly() bool {
	_, worked := r.tracker.Counters()
	worked = worked || r.exitKnown && r.exit.Good() // else it never had the lock
	return worked && r.started.Undisturbed && !r.tracker.CacheSynced() && !r.partial()
}

// testify says in the verdict whether others have changed the repository, and
// remembers what it looks like now if all changes are known. If not, what was
// remembered stays: the daemon sees that it differs, and orders a list.
func (p *process) testify(v *job.Verdict) {
	repo := p.spec.Repository
	known, had := p.memory().Known(repo.ID)
	now := func() (f witness.Facts, ok bool) {
		f, busy, err := witness.LookSoon(p.host, repo.Path, cmp.Or(v.BorgID, repo.BorgID, known.BorgID))
		return f, err == nil && !busy
	}
	switch {
	case !p.looksAtArchives():
	case p.spec.Kind == job.Backup && p.calm:
		// Also after a bad end: checkpoints are this job's own.
		v.Undisturbed = v.Status.Good()
		if f, ok := now(); ok {
			p.remembered(f)
		}
	case (p.spec.Kind == job.Prune || p.spec.Kind == job.Compact) && p.calm:
		// What a prune removed is in its log, and a compact removes nothing.
		if f, ok := now(); ok {
			p.remembered(f)
		}
	case p.spec.Kind == job.Init && v.Status == job.Completed && !v.AlreadyExisted:
		if f, ok := now(); ok {
			p.remembered(f)
		}
	case p.spec.Kind == job.List && v.Status.Good():
		// What was there before the list is in it; what came while it ran may
		// not be.
		f, ok := now()
		switch {
		case p.looked && p.before.Manifest == "" && ok:
			p.before.Manifest = f.Manifest // borg has just met the repository
			p.remembered(p.before)
		case p.looked:
			p.remembered(p.before)
		case ok && !had && f.Number == 0:
			p.remembered(f) // on a server, and its id was not known before
		}
	}
}

func (p *process) memory() witness.Memory { return witness.Memory{Dir: p.c.State.Known()} }

func (p *process) remembered(f witness.Facts) {
	if err := p.memory().Remember(p.spec.Repository.ID, f); err != nil {
		p.log.Warn("a list will follow that is not needed", "err", err)
	}
}
