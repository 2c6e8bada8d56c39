package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"borgfleet/shared/job"
)

func archiveID(n int) string { return fmt.Sprintf("%064x", n) }

func anArchive(n int) CatalogueArchive {
	return CatalogueArchive{
		ID: archiveID(n), Name: fmt.Sprint("archive-", n), RawName: "eA==", Start: t0, End: t0.Add(1),
		OriginalSize: 1, CompressedSize: 2, DedupSize: 3, NFiles: 4, Job: 5, SeenAt: t0.Add(2),
	}
}

func archives(t testing.TB, s *Store, repository int64) []CatalogueArchive {
	t.Helper()
	var all []CatalogueArchive
	if _, _, err := s.ReadCatalogue(repository, func(a CatalogueArchive) bool { all = append(all, a); return true }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCatalogueIsKept(t *testing.T) {
	s := open(t, t.TempDir())
	head := Catalogue{Repository: 1, AsOf: t0, LastModified: t0.Add(1), Archives: 2, Unmatched: 1, Job: 9}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutCatalogue(head), tx.PutNewList(NewList{Job: 12, Repository: 1}), tx.PutNewList(NewList{Job: 13, Repository: 1}),
			tx.PutCatalogueArchive(1, anArchive(1)), tx.PutCatalogueArchive(1, anArchive(2)), tx.PutCatalogueArchive(2, anArchive(3)),
			tx.PutCatalogueArchive(1, anArchive(4)), tx.DeleteCatalogueArchive(1, archiveID(4)), tx.DeleteNewList(13))
	})
	for range 2 {
		if diff := cmp.Diff([]CatalogueArchive{anArchive(1), anArchive(2)}, archives(t, s, 1)); diff != "" {
			t.Error(diff)
		}
		if got, ok := s.Catalogue(1); !ok || got != head {
			t.Errorf("%+v, %v", got, ok)
		}
		if got := s.NewLists(); !slices.Equal(got, []NewList{{12, 1}}) {
			t.Error(got)
		}
		if got, ok, err := s.ReadCatalogue(1, func(CatalogueArchive) bool { return false }); !ok || got != head || err != nil {
			t.Errorf("%+v, %v, %v", got, ok, err)
		}
		s = reopened(t, s)
	}
}

// TestArchiveIDs end a key, so they have borg's form and no other.
func TestArchiveIDs(t *testing.T) {
	s := open(t, t.TempDir())
	for _, id := range []string{"", "x", strings.Repeat("A", 64), strings.Repeat("a", 65)} {
		err := s.Update(context.Background(), func(tx *Tx) error { return tx.PutCatalogueArchive(1, CatalogueArchive{ID: id}) })
		if err == nil {
			t.Errorf("%q was taken", id)
		}
	}
}

// TestLeftovers: the archives of a repository that is gone are found, also
// after a restart, and go a few at a time.
func TestLeftovers(t *testing.T) {
	s := open(t, t.TempDir())
	update(t, s, func(tx *Tx) error {
		for _, id := range []int64{1, 2, 3} {
			if err := tx.PutRepository(Repository{Repository: job.Repository{ID: id}}); err != nil {
				return err
			}
			for n := range 10 {
				if err := tx.PutCatalogueArchive(id, anArchive(n)); err != nil {
					return err
				}
			}
		}
		return errors.Join(tx.PutCatalogue(Catalogue{Repository: 2, Archives: 10}), tx.PutCatalogue(Catalogue{Repository: 3, Archives: 10}))
	})
	if left, err := s.Leftovers(); err != nil || len(left) != 0 {
		t.Fatal(left, err)
	}
	if err := s.Update(context.Background(), func(tx *Tx) error { _, err := tx.ClearLeftovers(2, 4); return err }); err == nil {
		t.Error("the archives of a registered repository could be cleared")
	}
	update(t, s, func(tx *Tx) error { return errors.Join(tx.DeleteRepository(2), tx.DeleteCatalogue(2)) })
	s = reopened(t, s)
	rounds := 0
	for more := true; more; rounds++ {
		if left, err := s.Leftovers(); err != nil || !slices.Equal(left, []int64{2}) {
			t.Fatal(left, err)
		}
		update(t, s, func(tx *Tx) (err error) { more, err = tx.ClearLeftovers(2, 4); return err })
	}
	left, err := s.Leftovers()
	if _, ok := s.Catalogue(2); rounds != 3 || ok || len(left) != 0 || err != nil || len(archives(t, s, 2)) != 0 || len(archives(t, s, 3)) != 10 {
		t.Errorf("%d rounds, head %v, left %v, %v", rounds, ok, left, err)
	}
}

// TestCatalogueModel changes catalogues at random, with updates and commits
// that fail, and compares with a map, before and after a restart.
func TestCatalogueModel(t *testing.T) {
	type key struct {
		repository int64
		id         string
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := open(t, t.TempDir())
		real := s.write
		model, heads := map[key]CatalogueArchive{}, map[int64]Catalogue{}
		for r := range int64(4) {
			heads[r] = Catalogue{Repository: r}
			update(t, s, func(tx *Tx) error { return tx.PutCatalogue(heads[r]) })
		}
		for range rapid.IntRange(1, 10).Draw(rt, "updates") {
			fate := rapid.IntRange(0, 4).Draw(rt, "fate")
			s.write = real
			if fate == 1 {
				s.write = func(map[string]write) error { return errors.New("disk") }
			}
			staged, stagedHeads := map[key]*CatalogueArchive{}, map[int64]Catalogue{}
			err := s.Update(context.Background(), func(tx *Tx) error {
				for range rapid.IntRange(1, 6).Draw(rt, "changes") {
					repository, n := rapid.Int64Range(1, 3).Draw(rt, "repository"), rapid.IntRange(1, 5).Draw(rt, "archive")
					k := key{repository, archiveID(n)}
					switch rapid.IntRange(0, 2).Draw(rt, "what") {
					case 0:
						staged[k] = nil
						tx.keep(tx.DeleteCatalogueArchive(repository, k.id))
					case 1:
						a := anArchive(n)
						a.Job = rapid.Int64Range(0, 9).Draw(rt, "job")
						staged[k] = &a
						tx.keep(tx.PutCatalogueArchive(repository, a))
					case 2:
						stagedHeads[repository] = Catalogue{Repository: repository, Archives: rapid.Int64().Draw(rt, "count")}
						tx.keep(tx.PutCatalogue(stagedHeads[repository]))
					}
					want, there := model[k]
					if a, ok := staged[k]; ok {
						if there = a != nil; there {
							want = *a
						}
					}
					got, ok, err := tx.CatalogueArchive(repository, k.id)
					if err != nil || ok != there || there && got != want {
						rt.Fatalf("%+v: %+v, %v, %v; want %+v, %v", k, got, ok, err, want, there)
					}
				}
				if fate == 0 {
					return errors.New("changed my mind")
				}
				return nil
			})
			if (err == nil) == (fate <= 1) {
				rt.Fatalf("fate %d: %v", fate, err)
			}
			if err != nil {
				continue
			}
			for k, a := range staged {
				if delete(model, k); a != nil {
					model[k] = *a
				}
			}
			for r, h := range stagedHeads {
				heads[r] = h
			}
		}
		s.write = real
		for round := range 2 {
			found := 0
			for r := range int64(4) {
				for _, a := range archives(t, s, r) {
					if found++; model[key{r, a.ID}] != a {
						rt.Fatalf("repository %d has %+v", r, a)
					}
				}
				if got, _ := s.Catalogue(r); got != heads[r] {
					rt.Fatalf("repository %d: %+v, want %+v", r, got, heads[r])
				}
			}
			if found != len(model) {
				rt.Fatalf("%d archives, want %d", found, len(model))
			}
			if round == 0 {
				s = reopened(t, s)
			}
		}
		if err := s.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}
