package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"borgfleet/shared/job"
)

// TestAFormerRepositoryKeepsWhatItsHistoryIsAskedForBy, and nothing secret.
func TestAFormerRepositoryKeepsWhatItsHistoryIsAskedForBy(t *testing.T) {
	s := open(t, t.TempDir())
	repo := func(id int64) Repository {
		return Repository{Repository: job.Repository{ID: id, Name: "n", Path: "/p", PassphraseSealed: []byte("x")}, Agent: "a1"}
	}
	update(t, s, func(tx *Tx) error { return tx.PutRepository(repo(1)) })
	update(t, s, func(tx *Tx) error { return tx.DeleteRepository(1) })
	update(t, s, func(tx *Tx) error {
		if err := tx.DeleteRepository(7); err != nil {
			return err
		}
		return tx.PutRepository(repo(2))
	})
	want := []Repository{{Repository: job.Repository{ID: 1, Name: "n", Path: "/p"}, Agent: "a1"}}
	for range 2 {
		if diff := cmp.Diff(want, s.FormerRepositories()); diff != "" {
			t.Errorf("former repositories (-want +got):\n%s", diff)
		}
		if all := s.Repositories(); len(all) != 1 || all[0].ID != 2 {
			t.Errorf("registered: %+v", all)
		}
		s = reopened(t, s)
	}
}
