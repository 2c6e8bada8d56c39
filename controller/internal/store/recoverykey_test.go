package store

import (
	"testing"
	"time"
)

func TestRecoveryKeysStay(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, has := s.RecoveryKey(); has {
		t.Error("a new store has a recovery key")
	}
	at := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	for i, by := range []string{"", "ann"} {
		err := s.Update(t.Context(), func(tx *Tx) error { return tx.AddRecoveryKey([]string{"age1a", "age1b"}[i], by, at) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now, has := s.RecoveryKey()
	if want := (RecoveryKey{Number: 2, Recipient: "age1b", Since: at, By: "ann"}); !has || now != want {
		t.Errorf("%+v, want %+v", now, want)
	}
	if all := s.RecoveryKeys(); len(all) != 2 || all[0].Recipient != "age1a" || all[0].By != "" {
		t.Errorf("%+v", all)
	}
	err = s.Update(t.Context(), func(tx *Tx) error {
		if !tx.KnowsRecoveryKey("age1a") || tx.KnowsRecoveryKey("age1c") {
			t.Error("it does not know which keys the fleet has had")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
