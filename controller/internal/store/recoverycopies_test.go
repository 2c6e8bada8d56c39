package store

import (
	"testing"
	"time"

	"borgfleet/shared/job"
)

func TestCopies(t *testing.T) {
	s := open(t, t.TempDir())
	t.Cleanup(func() { s.Close() })
	at := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	do := func(fn func(*Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	do(func(tx *Tx) error {
		return tx.PutRepository(Repository{Repository: job.Repository{ID: 7, Name: "r"}, Agent: "a1", Status: RepositoryReady})
	})
	keep := func(recipient, sealed string, hour int) {
		do(func(tx *Tx) error {
			return tx.KeepCopy(7, job.Recovery{Recipient: recipient, Sealed: []byte(sealed), SealedAt: at.Add(time.Duration(hour) * time.Hour), Key: true})
		})
	}
	kept := func(what string, want ...string) {
		t.Helper()
		all, err := s.Copies(7)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range all {
			got = append(got, string(c.Sealed))
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %q, want %q", what, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
	}
	kept("at first")
	keep("a", "a1", 1)
	kept("one", "a1")
	keep("a", "a1 again", 1)
	kept("the same again", "a1")
	keep("a", "older", 0)
	kept("one that is late", "a1")
	for n := range 20 {
		keep("a", "flood", 2+n)
	}
	keep("a", "newest", 30)
	kept("the first stays, whatever comes", "a1", "newest")
	keep("b", "b1", 31)
	keep("b", "b2", 32)
	kept("each key's own", "a1", "newest", "b1", "b2")

	r, _ := s.Repository(7)
	if r.Recovery == nil || r.Recovery.Recipient != "b" || r.Recovery.Sealed != nil || !r.Recovery.Key || !r.Recovery.SealedAt.Equal(at.Add(32*time.Hour)) {
		t.Errorf("shown is %+v", r.Recovery)
	}
	do(func(tx *Tx) error { return tx.DeleteRepository(7) })
	kept("without the registration")
	if err := s.Update(t.Context(), func(tx *Tx) error { return tx.KeepCopy(7, job.Recovery{Recipient: "a"}) }); err == nil {
		t.Error("kept of a repository that is not registered")
	}
}
