package jobproc

import (
	"context"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/job"
)

// leftLock: borg was killed, by a host without memory or by our own patience, or
// it crashed, and its lock is still in the repository. Told to end, it gives it
// back. Every other host waits for that lock; only a borg of this one takes it
// away. A host that goes down does so with its first job after the boot.
func (p *process) leftLock(r *run) bool {
	return r.exitKnown && r.exit.Signal != 0 && r.exit.Signal != unix.SIGTERM && !p.shutdown()
}

// freeLock takes the lock of a borg away that did not end by itself: whether its
// owner lives, only a borg of this host can know. A repository out of reach keeps
// it until this host's next job there, and the log says what to do. The look-ups
// of backups and inits are such borgs already.
func (p *process) freeLock() {
	if p.spec.Kind == job.BreakLock || p.shutdown() {
		return
	}
	p.reg.Change(func(g *job.Register) {
		g.Phase, g.Reason, g.BorgRunning = job.PhaseVerifying, "verifying", false
	})
	ctx, end := p.patience(errNoAnswer)
	defer end()
	ctx, cancel := context.WithTimeout(ctx, p.c.Grace)
	defer cancel()
	err := p.visit(ctx)
	for n := 1; mayPass(err) && sleep(ctx, p.c.VerifyWait.after(n)); n++ {
		err = p.visit(ctx)
	}
	if err != nil {
		p.say(job.LevelWarning, "The lock that borg may have left in the repository is not taken away: %v; "+
			"other hosts wait for it until this one has used the repository again, or until somebody breaks it", err)
	}
}

// mayPass: whoever killed borg has killed the next one too, or somebody lives in
// the repository and will leave.
func mayPass(err error) bool {
	code := borg.CodeOf(err)
	return code == borg.CodeBorgKilled || code == borg.CodeRepoLocked
}

// visit takes the repository's lock and gives it back.
func (p *process) visit(ctx context.Context) error {
	if err := p.reachable(ctx); err != nil {
		return err
	}
	inv, err := borg.Visit(p.host, boundedWait(p.spec.Repository))
	if err != nil {
		return err
	}
	_, _, err = borg.ReadList(p.ask(ctx, p.host, inv))
	return err
}
