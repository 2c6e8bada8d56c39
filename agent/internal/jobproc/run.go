package jobproc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/recovery"
	"borgfleet/agent/internal/state"
	"borgfleet/agent/internal/witness"
	"borgfleet/shared/job"
)

// process is one job process at work.
type process struct {
	c       Config
	log     *slog.Logger
	dir     *jobdir.Dir
	spec    job.Spec
	id      state.Identity
	bootID  string
	reg     *jobdir.Registrar
	journal *jobdir.Journal
	work    work

	life context.Context // ends with the host
	// stop ends when the job should: its cause is errCancelled or errShutdown.
	stop context.Context

	// Of prepare:
	conf   policy.Config
	policy *policy.Policy
	host   borg.Host
	tool   borg.Tool
	pass   secret

	healed bool // a damaged cache of borg's was removed; once is enough

	// Of lookBefore and what came after:
	before witness.Facts
	looked bool // before is known
	calm   bool // nobody else has changed the repository since this agent's last look

	hooks  jobdir.Hooks   // of this attempt
	sealed *recovery.Note // what of the repository went into the verdict for the recovery key; nil: nothing
}

// Run carries the job as far as it can and returns an exit code. It does not
// return without a verdict unless another job process has to go on: after the
// host's shutdown, or because the directory is not usable.
func Run(ctx context.Context, c Config) int {
	c = c.withDefaults()
	d, err := jobdir.Open(filepath.Join(c.State.Jobs(), c.Key.String()))
	if err != nil {
		if c.Logger != nil {
			c.Logger.Error("open job", "err", err)
		}
		return exitNoVerdict
	}
	if c.Logger == nil {
		c.Logger = openLog(d)
	}
	if err := serve(ctx, c, d); err != nil {
		c.Logger.Error("job process ends without a verdict", "err", err)
		return exitNoVerdict
	}
	return exitVerdict
}

// serve is Run with the directory open.
func serve(ctx context.Context, c Config, d *jobdir.Dir) error {
	lock, err := takeLock(c, d)
	if err != nil {
		return err
	}
	defer lock.Close()
	if d.Ended() {
		// Somebody finished it between two looks, and may have died then.
		d.RemovePipes()
		d.RemoveScratches()
		return nil
	}
	p, err := open(c, d)
	if err != nil {
		return err
	}
	defer p.reg.Close()
	stop, end, err := p.watchWishes(ctx)
	if err != nil {
		return errors.Join(err, p.journal.Close())
	}
	defer end()
	p.life, p.stop = ctx, stop
	c.at(PointOpened)
	v, err := p.carryOut()
	if err != nil {
		return errors.Join(err, p.journal.Close())
	}
	return p.finish(ctx, v)
}

func takeLock(c Config, d *jobdir.Dir) (*jobdir.Lock, error) {
	if c.LockFD != 0 {
		return d.AdoptLock(c.LockFD)
	}
	return d.TryLock()
}

func open(c Config, d *jobdir.Dir) (*process, error) {
	id, err := c.State.Identity()
	if err != nil {
		return nil, err
	}
	bootID, err := jobdir.BootID()
	if err != nil {
		return nil, err
	}
	journal, err := d.OpenJournal(c.Limits)
	if err != nil {
		return nil, err
	}
	reg, err := d.OpenRegister()
	if err != nil {
		return nil, errors.Join(err, journal.Close())
	}
	spec := d.Spec()
	return &process{
		c: c, log: c.Logger, dir: d, spec: spec, id: id, bootID: bootID,
		reg: reg, journal: journal, work: workOf(spec),
	}, nil
}

// carryOut gives the verdict on what became of the job, its hooks included. Its
// error means: none yet.
func (p *process) carryOut() (job.Verdict, error) {
	p.takeUpHooks()
	v, err := p.dir.Judged()
	if err != nil {
		p.log.Error("what became of borg is found out anew", "err", err)
	}
	if v != nil {
		p.remind()
		return p.closeHooks(*v)
	}
	judged, err := p.goOn()
	if err != nil {
		return judged, err
	}
	p.complete(&judged)
	if p.hooks.Open {
		if err := p.dir.SetJudged(judged); err != nil {
			p.log.Warn("a successor would have to find out anew what became of borg", "err", err)
		}
	}
	return p.closeHooks(judged)
}

// goOn decides by what is on disk.
func (p *process) goOn() (job.Verdict, error) {
	started, err := p.dir.Started()
	switch {
	case started == nil && err != nil:
		return job.Verdict{}, err
	case started == nil:
		if v, err := p.closeBroken(); v != nil || err != nil {
			return orZero(v), err
		}
		return p.begin()
	case err != nil:
		// Damaged, but there: borg may have been executed. The register knows
		// the archive's name if the mark does not.
		p.log.Error("read start mark", "err", err)
		r := p.reg.Value()
		started.ArchiveName, started.StartedAt = r.ArchiveName, r.StartedAt
	}
	return p.resume(*started)
}

func orZero(v *job.Verdict) job.Verdict {
	if v == nil {
		return job.Verdict{}
	}
	return *v
}

// say writes a line of the agent's own into the journal.
func (p *process) say(level job.Level, format string, args ...any) {
	p.journal.Append(jobdir.Line{Record: job.Record{
		Level: level, Source: "agent", Text: p.pass.mask(fmt.Sprintf(format, args...)),
	}})
}
