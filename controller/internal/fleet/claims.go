package fleet

import (
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// claim remembers by which id the agent knows a job that the store does not.
func (se *session) claim(key job.Key, id int64) {
	if id <= 0 {
		return
	}
	se.mu.Lock()
	defer se.mu.Unlock()
	se.claims[key] = id
}

// idFor gives the id of a job that is new to the store: the one it had before
// the store was restored, if nobody has that, else a new one.
func (se *session) idFor(tx *store.Tx, key job.Key) (int64, error) {
	se.mu.Lock()
	claimed := se.claims[key]
	delete(se.claims, key)
	se.mu.Unlock()
	if ok, err := tx.TakeJobID(claimed); err != nil || ok {
		return claimed, err
	}
	return tx.NewJobID(), nil
}
