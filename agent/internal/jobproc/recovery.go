package jobproc

import (
	"cmp"
	"context"
	"time"

	"borgfleet/agent/internal/access"
	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/recovery"
	"borgfleet/shared/clock"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
)

// exportTime bounds the look at the repository's key: the verdict waits for it.
const exportTime = time.Minute

// sealForRecovery puts what opens the repository without this host into the
// verdict, sealed to the recovery key that the host's owner has accepted. It
// follows a job in which borg has opened the repository, so the passphrase is
// known to be the right one. It is done when something has changed, or once a
// day: it costs a start of borg. That it fails is told, and fails no job.
func (p *process) sealForRecovery(v *job.Verdict) {
	p.sealed = nil
	if !v.Status.Good() || !p.looksAtArchives() {
		return
	}
	repo := p.spec.Repository
	repo.Encryption = cmp.Or(v.Encryption, repo.Encryption)
	repo.BorgID = cmp.Or(v.BorgID, repo.BorgID)
	wanted, any := recovery.Wanted(p.conf, repo)
	if !any || !p.dueForRecovery(wanted) {
		return
	}
	r, err := p.sealCopy(wanted, repo, v.AccountDirs)
	if err != nil {
		p.say(job.LevelWarning, "What opens this repository when its host is gone could not be sealed to the recovery key; the next job tries again: %v", err)
		return
	}
	v.Recovery = r
	wanted.SealedAt = r.SealedAt
	p.sealed = &wanted
	p.say(job.LevelInfo, "Sealed to the recovery key %s: %s", seal.Fingerprint(r.Recipient), contentsOf(*r))
}

func contentsOf(r job.Recovery) string {
	if r.Passphrase {
		return "the repository's key and passphrase"
	}
	return "the repository's key; the passphrase is this host's own and not in it"
}

func (p *process) dueForRecovery(wanted recovery.Note) bool {
	noted, ok := p.recoveryMemory().Noted(p.spec.Repository.ID)
	age := clock.Now().Sub(noted.SealedAt)
	return !ok || !noted.Same(wanted) || age >= recovery.Again || age < 0
}

// sealCopy exports borg's key and seals it, with the passphrase if the owner
// lets it.
func (p *process) sealCopy(wanted recovery.Note, repo job.Repository, account bool) (*job.Recovery, error) {
	key, err := p.exportKey(repo, account)
	if err != nil {
		return nil, err
	}
	c := seal.Copy{
		Agent: p.id.AgentID, Location: job.Location(repo.Path, p.id.AgentID), Path: repo.Path,
		Encryption: repo.Encryption, BorgID: repo.BorgID, Key: key, At: clock.Now().UTC(),
	}
	if wanted.From != recovery.FromHost || wanted.Own {
		c.Passphrase = p.pass.copy()
		defer clear(c.Passphrase)
	}
	sealed, err := seal.SealCopy(wanted.Recipient, c)
	if err != nil {
		return nil, err
	}
	return &job.Recovery{
		Recipient: wanted.Recipient, Sealed: sealed, SealedAt: c.At, Key: true, Passphrase: len(c.Passphrase) > 0,
	}, nil
}

// exportKey runs borg key export. account: the repository was found to be used
// with the account's own borg directories, where its key may lie.
func (p *process) exportKey(repo job.Repository, account bool) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(p.stop, exportTime, errNoAnswer)
	defer cancel()
	if p.tool.Path == "" { // the borg that was followed was another process's
		if err := p.findBorg(ctx); err != nil {
			return nil, err
		}
	}
	host := p.host
	if account {
		host, _ = access.Account(p.c.State, host)
	}
	inv, err := borg.KeyExport(host, boundedWait(repo))
	if err != nil {
		return nil, err
	}
	key, id, err := borg.ReadKey(p.tool.Run(ctx, inv, nil))
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	case repo.BorgID != "" && id != repo.BorgID:
		return nil, failf(borg.CodeKeyProblem, "the key that borg has is another repository's (%s)", id)
	}
	return key, nil
}

// noteSealed remembers what went with the verdict, once that is on the disk: a
// crash before it costs one more sealing.
func (p *process) noteSealed() {
	if p.sealed == nil {
		return
	}
	if err := p.recoveryMemory().Note(p.spec.Repository.ID, *p.sealed); err != nil {
		p.log.Warn("it will be sealed to the recovery key once more", "err", err)
	}
}

func (p *process) recoveryMemory() recovery.Memory {
	return recovery.Memory{Dir: p.c.State.Recovery()}
}
