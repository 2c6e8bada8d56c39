package fleet

import (
	"context"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
)

// RecoveryView is all that the controller has to open a repository whose host is
// gone. It cannot read any of it.
type RecoveryView struct {
	RepositoryView
	Copies []job.Recovery // the order in which they came
}

// Recovery gives it.
func (s *Service) Recovery(ctx context.Context, id int64) (RecoveryView, error) {
	v, err := s.Repository(ctx, id)
	if err != nil {
		return RecoveryView{}, err
	}
	copies, err := s.store.Copies(id)
	return RecoveryView{v, copies}, err
}

// withoutCopy parts what a verdict brings for the recovery key from the register:
// a job's record is kept for years, and there are many.
func withoutCopy(reg job.Register) (job.Register, *job.Recovery) {
	if reg.Verdict == nil || reg.Verdict.Recovery == nil {
		return reg, nil
	}
	bare := *reg.Verdict
	c := bare.Recovery
	bare.Recovery = nil
	reg.Verdict = &bare
	return reg, c
}

// keepCopy keeps it with the job's repository, in the commit of the verdict. One
// that is not fit is left out, and the verdict counts all the same.
func (s *Service) keepCopy(tx *store.Tx, j job.Job, c job.Recovery) error {
	repo, ok := tx.Repository(j.Spec.Repository.ID)
	switch {
	case !ok || repo.Agent != j.Agent:
		return nil
	case len(c.Sealed) == 0 || len(c.Sealed) > seal.MaxSealed || !tx.KnowsRecoveryKey(c.Recipient):
		s.log.Warn("a copy for the recovery key left out: it is empty, too large, or for a key that this fleet never had", "agent", j.Agent, "job", j.ID, "bytes", len(c.Sealed))
		return nil
	}
	// One from the future would keep all that follow out.
	c.SealedAt = s.notAhead(c.SealedAt)
	return tx.KeepCopy(repo.ID, c)
}
