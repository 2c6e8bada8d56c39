package jobproc

import (
	"context"
	"fmt"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/job"
)

// reasonCache is what a job shows between a borg that could not read its cache
// and the next one.
const reasonCache = "borg's cache is built again"

// ask runs a short borg command with h. borg writes its cache without a sync, so
// after a power cut the question may fail for no other reason than a torn cache:
// that is removed then, and borg is asked again.
func (p *process) ask(ctx context.Context, h borg.Host, inv borg.Invocation) (stdout, stderr []byte, exit borg.Exit) {
	stdout, stderr, exit = p.tool.Run(ctx, inv, p.pass.copy())
	damage := borg.DamagedCache(stderr, exit)
	if damage == nil || p.healed {
		return stdout, stderr, exit
	}
	if err := p.dropCache(ctx, h, damage); err != nil {
		return nil, nil, borg.Exit{Code: -1, Err: err}
	}
	return p.tool.Run(ctx, inv, p.pass.copy())
}

// renewCache makes the job begin again after a borg that ended because of its own
// cache: it has done nothing. The mark goes after the cache. A crash in between
// leaves a started job, whose end is known and judged like this once more.
// unhealed says why the job cannot begin again.
func (p *process) renewCache(r *run, damage *borg.CacheDamage) (then sequel, unhealed, err error) {
	unhealed = p.dropCache(p.stop, p.host, damage)
	switch {
	case unhealed == nil:
	case p.stop.Err() == nil && borg.CodeOf(unhealed) == borg.CodeRepoLocked:
		return later, nil, p.giveBack(r) // somebody else's borg may be in it
	default:
		return over, unhealed, nil
	}
	p.calm = false
	p.c.at(PointGivenUp)
	if err := p.dir.GiveBack(); err != nil {
		return over, nil, err
	}
	p.c.at(PointGivenBack)
	p.showWaiting(reasonCache)
	return atOnce, nil, nil
}

// dropCache removes borg's cache of the repository on this host, and nothing
// else. Its error is for people.
func (p *process) dropCache(ctx context.Context, h borg.Host, damage *borg.CacheDamage) error {
	cache := "borg's cache on this host"
	if h.BaseDir == "" {
		cache = "the cache on this host that this account's own borg uses, too,"
	}
	failed := func(err error) error {
		return fmt.Errorf("%s was damaged, as after a power cut (%s), and could not be removed: %w; remove %s by hand while no borg is running",
			cache, damage.Reason, err, orElse(damage.Dir(h), "the repository's directory in "+h.CacheDir()))
	}
	if p.tool.Path == "" { // the borg that ended so was another job process's
		if err := p.findBorg(ctx); err != nil {
			return failed(err)
		}
	}
	if err := damage.MakeDroppable(h); err != nil {
		return failed(err)
	}
	inv, err := borg.DropCache(h, boundedWait(p.spec.Repository))
	if err != nil {
		return failed(err)
	}
	if err := borg.ReadDropped(p.tool.Run(ctx, inv, p.pass.copy())); err != nil {
		return failed(err)
	}
	p.healed = true
	p.say(job.LevelWarning, "%s was damaged, as after a power cut (%s); it was removed and is built again", cache, damage.Reason)
	return nil
}
