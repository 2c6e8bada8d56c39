package fleet

import (
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

func (s *Service) dropRepository(tx *store.Tx, id int64) error {
	repo, ok := tx.Repository(id)
	if !ok {
		return nil
	}
	tx.OnCommit(func() {
		s.repositoryChanged(repo.Agent, id)
		s.clear.Store(true)
		signal(s.listsWake)
	})
	if err := tx.DeleteCatalogue(id); err != nil {
		return err
	}
	if err := leaveSchedules(tx, id); err != nil {
		return err
	}
	return tx.DeleteRepository(id)
}

// settleRepository writes down what became of a repository's first job.
func (s *Service) settleRepository(tx *store.Tx, j job.Job) error {
	repo, ok := tx.Repository(j.Spec.Repository.ID)
	if !ok || repo.InitJob != j.ID {
		return nil // taken back, or set up by another job
	}
	v := j.Verdict
	if !v.Status.Good() {
		repo.Status, repo.ErrorCode, repo.ErrorMessage = store.RepositoryFailed, v.ErrorCode, v.ErrorMessage
		return s.putRepository(tx, repo)
	}
	existed := v.AlreadyExisted || repo.Imported
	repo.Status, repo.ErrorCode, repo.ErrorMessage = store.RepositoryReady, "", ""
	repo.AlreadyExisted, repo.Adopted = existed, existed
	repo.AccountDirs = repo.Imported || v.AccountDirs
	if err := s.begun(tx, repo.ID); err != nil {
		return err
	}
	if v.Encryption != "" && (repo.Encryption == "" || existed) {
		repo.Encryption = v.Encryption // what it is, not what was asked for
	}
	if err := s.putRepository(tx, repo); err != nil {
		return err
	}
	switch {
	case repo.Imported:
		return nil // the job itself is the list
	case existed, v.ErrorCode == job.CodeStatusLost: // lost: it may not be this job that made it
		_, err := s.order(tx, repo.ID, job.List, j.Spec.RequestedBy, nil)
		return err
	}
	return s.noteNew(tx, j)
}

// rememberBorgID keeps borg's own repository id: from then on it is the
// identity of the location, whatever path leads there. The first one stays: a
// repository that changes its id under the same path is another repository.
func (s *Service) rememberBorgID(tx *store.Tx, j job.Job) error {
	repo, ok := tx.Repository(j.Spec.Repository.ID)
	if !ok || repo.Agent != j.Agent || repo.BorgID != "" {
		return nil
	}
	repo.BorgID = j.Verdict.BorgID
	return s.putRepository(tx, repo)
}

func (s *Service) putRepository(tx *store.Tx, r store.Repository) error {
	tx.OnCommit(func() { s.repositoryChanged(r.Agent, r.ID) })
	return tx.PutRepository(r)
}

func (s *Service) repositoryChanged(agent string, id int64) {
	if se := s.session(agent); se != nil {
		se.repositoryChanged(id)
	}
}
