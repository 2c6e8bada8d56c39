package store

import (
	"time"

	"borgfleet/shared/job"
	storev1 "borgfleet/shared/proto/store/v1"
	"borgfleet/shared/wire"
)

// former is what stays of a registration that was deleted: what its history is
// asked for by. A passphrase does not stay.
func former(r Repository) Repository {
	return Repository{Repository: job.Repository{ID: r.ID, Name: r.Name, Path: r.Path}, Agent: r.Agent}
}

// DeleteRepository removes the registration. The history stays.
func (tx *Tx) DeleteRepository(id int64) error {
	r, ok := tx.Repository(id)
	if !ok {
		return nil
	}
	tx.changed(Changed{Thing: ThingRepository, ID: id, Agent: r.Agent})
	if err := removeRecord(tx, idKey(repositoryPrefix, id), repositoriesOf, id); err != nil {
		return err
	}
	tx.change(disowns(r.Agent, id))
	tx.acceptSizes(id, r.SizesAcceptedFrom, time.Time{})
	if err := tx.deleteCopies(id); err != nil {
		return err
	}
	f := former(r)
	return putRecord(tx, idKey(formerRepositoryPrefix, id), formerRepositoryToProto(f), formerRepositoriesOf, id, f)
}

// FormerRepository gives the repository with this id whose registration was
// deleted.
func (tx *Tx) FormerRepository(id int64) (Repository, bool) {
	return tx.s.working.formerRepositories.get(id)
}

// FormerRepositories gives the repositories whose registration was deleted, by
// id. Of each only id, name, path and agent are known.
func (s *Store) FormerRepositories() []Repository {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.formerRepositories.sorted(byID)
}

func formerRepositoryToProto(r Repository) *storev1.Repository {
	return &storev1.Repository{Definition: wire.FromRepository(r.Repository), Agent: r.Agent}
}

func formerRepositoriesOf(st *state) table[int64, Repository] { return st.formerRepositories }
