package retention

import (
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// leave notes a backup that stays, old as it is.
func (e *expiry) leave(repository int64, made time.Time) {
	if oldest, any := e.left[repository]; !any || made.Before(oldest) {
		e.left[repository] = made
	}
}

// compareFrom says that the sizes of a repository count from after a backup that is
// removed, if an older one stays. They were compared each with the last normal one
// before it: with that one alone, a repository that became small in years would
// look as if it had lost most of its files, from the next start on.
func (e *expiry) compareFrom(tx *store.Tx, gone job.Job) error {
	id, made := gone.Spec.Repository.ID, gone.Spec.CreatedAt
	oldest, any := e.left[id]
	if !any || !oldest.Before(made) || gone.Spec.Kind != job.Backup || !gone.Status.Good() {
		return nil
	}
	repo, registered := tx.Repository(id)
	if !registered || !made.Before(e.k.Store.LastJobs(id).Normal.CreatedAt) || made.Before(repo.SizesAcceptedFrom) {
		return nil // what comes after the normal one makes no other one normal
	}
	repo.SizesAcceptedFrom = made.Add(1)
	return tx.PutRepository(repo)
}
