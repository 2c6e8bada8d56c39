package fleet

import (
	"context"
	"fmt"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// tryPassphrase has the repository's host open it with a new passphrase, and
// takes that one for the repository's when it has. Until then, and if it never
// does, the one before it stays: a passphrase that was mistyped must not be what
// every later backup fails with. It waits for Settings.InitWait; what is not
// decided by then is decided by the job's end.
func (s *Service) tryPassphrase(ctx context.Context, u RepositoryUpdate) error {
	var trial job.Job
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		repo, ok := tx.Repository(u.ID)
		switch {
		case !ok:
			return noSuchRepository(u.ID)
		case repo.Status != store.RepositoryReady:
			return notReady(repo)
		}
		// What else is asked for is refused before a host is troubled.
		next := repo
		next.Repository = u.Change(repo.Repository)
		if err := refuseName(tx, next); err != nil {
			return err
		}
		agent, _ := tx.Agent(repo.Agent)
		sealed, err := s.sealFor(agent, RepositoryRequest{Definition: repo.Repository, Passphrase: u.Passphrase, PassphraseSealed: u.PassphraseSealed})
		if err != nil {
			return err
		}
		next.PassphraseSealed = sealed
		if err := checkSize(next.Repository); err != nil {
			return err
		}
		trial, err = s.order(tx, repo.ID, job.List, u.By, func(spec *job.Spec) { spec.Repository.PassphraseSealed = sealed })
		if err != nil {
			return err
		}
		repo, _ = tx.Repository(u.ID)
		repo.PassphraseJob = trial.ID
		return tx.PutRepository(repo)
	})
	if err != nil {
		return err
	}
	j, _, err := s.await(ctx, trial.ID, s.set.InitWait, func(j job.Job) bool { return j.Verdict != nil })
	if err != nil {
		return err
	}
	if j.Verdict == nil || j.Status.Good() {
		return nil
	}
	return &fault.Error{
		Kind: fault.Invalid, Code: j.Verdict.ErrorCode,
		Step:    fmt.Sprintf("give the passphrase that it has; to give it another one, on the host first: borgfleet-agent borg %s -- key change-passphrase", term.Shell(j.Spec.Repository.Path)),
		Message: fmt.Sprintf("the repository did not open with the new passphrase, and nothing was changed: %s (job %d)", j.Verdict.ErrorMessage, j.ID),
		Fields:  []fault.Field{{Location: "body.passphrase", Message: j.Verdict.ErrorMessage}},
	}
}

// settlePassphrase takes what came of a trial, in the commit of its verdict. One
// that a later trial has overtaken decides nothing.
func (s *Service) settlePassphrase(tx *store.Tx, j job.Job) error {
	repo, ok := tx.Repository(j.Spec.Repository.ID)
	if !ok || repo.PassphraseJob != j.ID || repo.Agent != j.Agent {
		return nil
	}
	repo.PassphraseJob = 0
	if j.Status.Good() {
		repo.PassphraseSealed = j.Spec.Repository.PassphraseSealed
		s.log.Info("passphrase changed", "repository", repo.ID, "agent", repo.Agent, "by", j.Spec.RequestedBy)
	}
	return s.putRepository(tx, repo)
}
