package store

import (
	"fmt"
	"testing"
	"time"
)

// Ended logins are kept as long as they matter, and do not gather in memory.
func TestEndedLogins(t *testing.T) {
	opt := testOptions()
	now := time.Now()
	opt.Now = func() time.Time { return now }
	s, err := Open(t.TempDir(), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	end := func(id string, life time.Duration) {
		t.Helper()
		update(t, s, func(tx *Tx) error { return tx.EndLogin(id, now.Add(life)) })
	}
	for i := range 200 {
		end(fmt.Sprintf("short%d", i), time.Hour)
	}
	end("long", 12*time.Hour)
	end("over already", -time.Second)
	if !s.LoginEnded("long") || !s.LoginEnded("short0") || s.LoginEnded("over already") || s.LoginEnded("unknown") {
		t.Error("the wrong logins have ended")
	}
	now = now.Add(time.Hour)
	for i := range 20 { // each looks at a few
		end(fmt.Sprintf("next%d", i), time.Hour)
	}
	if n := len(s.published.endedLogins); n > 100 {
		t.Errorf("%d are in memory; the expired ones stay", n)
	}
	if !s.LoginEnded("long") {
		t.Error("forgotten too early")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(s.dir.path, opt); err != nil {
		t.Fatal(err)
	}
	if n := len(s.published.endedLogins); n != 21 || !s.LoginEnded("long") || !s.LoginEnded("next0") || s.LoginEnded("short0") {
		t.Errorf("%d after a restart", n)
	}
}

// An update that fails leaves nothing of it.
func TestEndLoginIsUndone(t *testing.T) {
	s := open(t, t.TempDir())
	err := s.Update(t.Context(), func(tx *Tx) error {
		if err := tx.EndLogin("x", time.Now().Add(time.Hour)); err != nil {
			return err
		}
		return ErrActive
	})
	if err != ErrActive || s.LoginEnded("x") || len(s.working.endedLogins) != 0 {
		t.Errorf("%v, %v", err, s.LoginEnded("x"))
	}
}
