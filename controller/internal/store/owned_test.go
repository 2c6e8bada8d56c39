package store

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"borgfleet/shared/job"
)

// TestRepositoriesOf: what an agent has is what all have that are its own, after
// changes, changes that failed, and a start.
func TestRepositoriesOf(t *testing.T) {
	s := open(t, t.TempDir())
	add := func(tx *Tx, id int64, agent string) error {
		return tx.PutRepository(Repository{Repository: job.Repository{ID: id, Name: "r", Path: "/r"}, Agent: agent})
	}
	same := func(what string) {
		t.Helper()
		for _, agent := range []string{"a", "b", "nobody"} {
			var want []int64
			for _, r := range s.Repositories() {
				if r.Agent == agent {
					want = append(want, r.ID)
				}
			}
			if diff := cmp.Diff(want, idsOf(s.RepositoriesOf(agent))); diff != "" {
				t.Errorf("%s: of %s (-all +its own):\n%s", what, agent, diff)
			}
			where := s.RepositoriesWhere(func(r *Repository) bool { return r.Agent == agent })
			if diff := cmp.Diff(want, idsOf(where)); diff != "" {
				t.Errorf("%s: where %s (-all +picked):\n%s", what, agent, diff)
			}
			update(t, s, func(tx *Tx) error {
				if diff := cmp.Diff(want, idsOf(tx.RepositoriesOf(agent))); diff != "" {
					t.Errorf("%s: of %s, to the committer (-all +its own):\n%s", what, agent, diff)
				}
				return nil
			})
		}
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(add(tx, 3, "a"), add(tx, 1, "a"), add(tx, 2, "b"), add(tx, 1, "a"))
	})
	same("made")
	update(t, s, func(tx *Tx) error { return errors.Join(add(tx, 1, "b"), tx.DeleteRepository(2)) })
	same("one moved, one deleted")
	no := errors.New("no")
	err := s.Update(t.Context(), func(tx *Tx) error {
		return errors.Join(add(tx, 4, "a"), add(tx, 3, "b"), tx.DeleteRepository(1), no)
	})
	if !errors.Is(err, no) {
		t.Fatal(err)
	}
	same("taken back")
	s = reopened(t, s)
	same("started again")
}

func idsOf(all []Repository) (ids []int64) {
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	return ids
}
