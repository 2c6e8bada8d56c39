package jobproc

import (
	"context"
	"fmt"

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
		repo, err := p.info(p.stop)
		if err != nil {
			// The repository is there; the next backup tells its id.
			p.say(job.LevelWarning, "The repository was created, but its id could not be read: %v", err)
			return v
		}
		v.BorgID = repo.BorgID
	case v.ErrorCode == borg.CodeRepoExists && !p.cancelled():
		v = adopted(p, v)
	}
	return v
}

// adopted judges an init that found a repository.
func adopted(p *process, v job.Verdict) job.Verdict {
	asked := p.spec.Repository
	v.AlreadyExisted = true
	repo, err := p.info(p.stop)
	if err != nil {
		v.ErrorCode = borg.CodeOf(err)
		v.ErrorMessage = fmt.Sprintf("a borg repository is already at %s, but it cannot be used: %v", asked.Path, err)
		return v
	}
	v.BorgID = repo.BorgID
	if asked.Encryption != "" && repo.Encryption != "" && repo.Encryption != asked.Encryption {
		v.ErrorMessage = fmt.Sprintf("a borg repository is already at %s, with encryption %s, not %s; register it with encryption %s",
			asked.Path, repo.Encryption, asked.Encryption, repo.Encryption)
		return v
	}
	v.Status, v.ErrorCode, v.ErrorMessage = job.Completed, "", ""
	return v
}

// info asks what repository is there.
func (p *process) info(ctx context.Context) (borg.Repository, error) {
	inv, err := borg.RepoInfo(p.host, boundedWait(p.spec.Repository))
	if err != nil {
		return borg.Repository{}, err
	}
	return borg.ReadRepo(p.ask(ctx, inv))
}

func (initialise) lookUp(ctx context.Context, p *process, _ jobdir.Started) (found, error) {
	repo, err := p.info(ctx)
	switch code := borg.CodeOf(err); {
	case err == nil:
		return found{verdict: &job.Verdict{
			Status: job.CompletedWithWarnings, ErrorCode: job.CodeStatusLost,
			ErrorMessage: "exit status lost, the repository is there", BorgID: repo.BorgID,
		}}, nil
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
