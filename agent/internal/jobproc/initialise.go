package jobproc

import (
	"context"
	"fmt"

	"borgfleet/agent/internal/access"
	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// initialise is borg init. A repository that is there already is taken over if
// it is what was asked for.
type initialise struct{}

func (initialise) ready(*process) error             { return nil }
func (initialise) archive(*process) (string, error) { return "", nil }

func (initialise) invocation(p *process, _ string) (borg.Invocation, error) {
	return borg.Init(p.host, p.spec)
}

func (initialise) title(p *process, _ string) string {
	repo := p.spec.Repository
	return fmt.Sprintf("Creating repository %s, encryption %s (borg %s)", repo.Path, repo.Encryption, p.tool.Version)
}

func (initialise) judge(p *process, r *run) job.Verdict {
	v := borg.Classify(r.outcome())
	switch {
	case v.Status.Good():
		repo, err := p.info(p.stop, p.host, p.spec.Repository)
		if err != nil {
			// The repository is there; the next backup tells its id.
			p.say(job.LevelWarning, "The repository was created, but its id could not be read: %v", err)
			return v
		}
		repo.Tell(&v)
	case v.ErrorCode == borg.CodeRepoExists && !p.cancelled():
		v = adopted(p, v)
	}
	return v
}

// adopted judges an init that found a repository.
func adopted(p *process, v job.Verdict) job.Verdict {
	repo, account, err := p.recognise(p.stop)
	if err != nil {
		return unusableHere(p, v, err)
	}
	v, ok := takenOver(p, v, repo, account)
	if ok {
		v.Status, v.ErrorCode, v.ErrorMessage = job.Completed, "", ""
	}
	return v
}

// unusableHere is an init that found a repository which borg cannot open.
func unusableHere(p *process, v job.Verdict, err error) job.Verdict {
	v.AlreadyExisted = true
	v.Status, v.ErrorCode = job.Failed, borg.CodeOf(err)
	v.ErrorMessage = fmt.Sprintf("a borg repository is already at %s, but it cannot be used: %v", p.spec.Repository.Path, err)
	return v
}

// takenOver tells of a repository that was there; ok is false, and the verdict a
// failure, if it is not what was asked for.
func takenOver(p *process, v job.Verdict, repo borg.Repository, account bool) (_ job.Verdict, ok bool) {
	asked := p.spec.Repository
	v.AlreadyExisted, v.AccountDirs = true, account
	repo.Tell(&v)
	if asked.Encryption == "" || repo.Encryption == "" || repo.Encryption == asked.Encryption {
		return v, true
	}
	v.Status, v.ErrorCode = job.Failed, borg.CodeRepoExists
	v.ErrorMessage = fmt.Sprintf("a borg repository is already at %s, with encryption %s, not %s; register it with encryption %s",
		asked.Path, repo.Encryption, asked.Encryption, repo.Encryption)
	return v, false
}

// recognise asks what repository is there. The account's own borg directories
// come first: whoever backs up here without the fleet has keys and caches in
// them. They must know the repository; that an unknown one without encryption
// may be used is answered only for the agent's own.
func (p *process) recognise(ctx context.Context) (repo borg.Repository, account bool, err error) {
	asked := p.spec.Repository
	own, free := access.Account(p.c.State, p.host)
	if !free {
		repo, err = p.info(ctx, p.host, asked)
		return repo, asked.AccountDirs && p.host.BaseDir == "", err
	}
	unnamed := asked
	unnamed.Encryption = "" // so that the environment answers nothing
	known := own.Knows(asked.Path)
	if known {
		if repo, err = p.info(ctx, own, unnamed); borg.CodeOf(err) != borg.CodeKeyProblem {
			return repo, err == nil, err
		}
	}
	repo, err = p.info(ctx, p.host, asked)
	if !known && borg.CodeOf(err) == borg.CodeKeyProblem {
		// A key file may lie there though borg has not used it yet.
		if other, e := p.info(ctx, own, unnamed); e == nil {
			return other, true, nil
		}
	}
	return repo, false, err
}

// info asks what repository is there.
func (p *process) info(ctx context.Context, h borg.Host, repo job.Repository) (borg.Repository, error) {
	inv, err := borg.RepoInfo(h, boundedWait(repo))
	if err != nil {
		return borg.Repository{}, err
	}
	return borg.ReadRepo(p.ask(ctx, h, inv))
}

// lookUp: what borg said tells whether the repository was there before. If that
// is lost too it is not taken for a new one: whoever reads the verdict lists it.
func (initialise) lookUp(ctx context.Context, p *process, _ jobdir.Started, o borg.Outcome) (found, error) {
	existed := o.Tracker != nil && o.Tracker.FailureCode() == borg.CodeRepoExists
	repo, account, err := p.recognise(ctx)
	switch code := borg.CodeOf(err); {
	case err == nil:
		// The account's own directories know no repository that was made with
		// the agent's.
		existed = existed || account && !p.spec.Repository.AccountDirs
		v := job.Verdict{
			Status: job.CompletedWithWarnings, ErrorCode: job.CodeStatusLost,
			ErrorMessage: "exit status lost, the repository is there", AccountDirs: account,
		}
		if existed {
			v, _ = takenOver(p, v, repo, account)
		} else {
			repo.Tell(&v)
		}
		return found{verdict: &v}, nil
	case code == borg.CodeKeyProblem, existed && code == borg.CodePassphraseWrong:
		// No answer will ever be another one: of its own init the agent would
		// have the key.
		v := unusableHere(p, job.Verdict{}, err)
		return found{verdict: &v}, nil
	case code == borg.CodeRepoNotFound, code == borg.CodeRepoInvalid:
		// Taken for an answer, though the disk may only not be mounted yet:
		// somebody waits for this registration, the verdict says what was
		// seen, and nothing is lost by it. A later init takes over what did
		// come into being. For a backup it is no answer.
		return found{because: err.Error()}, nil
	}
	return found{}, err
}

func (initialise) summary(v job.Verdict) string {
	if v.AlreadyExisted {
		return "The repository was there already and is used as it is"
	}
	return "Repository created"
}
