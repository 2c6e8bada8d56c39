package store

import (
	"testing"
	"time"
)

func TestIdempotencyExpires(t *testing.T) {
	opt := testOptions()
	now := time.Now()
	opt.Now = func() time.Time { return now }
	s, err := Open(t.TempDir(), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	update(t, s, func(tx *Tx) error {
		return tx.PutIdempotency("k", IdempotencyRecord{Job: 3, ExpiresAt: now.Add(time.Hour)})
	})
	there := func() (ok bool) {
		update(t, s, func(tx *Tx) (err error) { _, ok, err = tx.Idempotency("k"); return err })
		return ok
	}
	if !there() {
		t.Error("gone too early")
	}
	now = now.Add(time.Hour)
	if there() {
		t.Error("still there")
	}
}
