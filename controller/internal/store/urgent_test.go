package store

import (
	"context"
	"errors"
	"testing"
)

// TestUrgentUpdatesOnANearlyFullDisk: what takes authority away is written, alone,
// down to the floor that keeps Badger alive.
func TestUrgentUpdatesOnANearlyFullDisk(t *testing.T) {
	s := open(t, t.TempDir())
	var free uint64
	s.space.free = func(string) (uint64, error) { return free, nil }
	urgent := func(id string) func(*Tx) error {
		return func(tx *Tx) error { tx.Urgent(); return tx.PutAgent(Agent{ID: id, Revoked: true}) }
	}
	ordinary := func(tx *Tx) error { return tx.PutAgent(Agent{ID: "ordinary"}) }

	// They wait together, which would make one commit of them.
	free = 1 << 30
	began, hold := make(chan struct{}), make(chan struct{})
	held := make(chan error, 1)
	go func() {
		held <- s.Update(context.Background(), func(*Tx) error { close(began); <-hold; return nil })
	}()
	<-began
	free = 1<<20 - 1
	var waiting []*request
	for _, fn := range []func(*Tx) error{ordinary, urgent("a1"), ordinary, urgent("a2")} {
		r := &request{fn: fn, done: make(chan error, 1)}
		waiting = append(waiting, r)
		s.queue.push(r)
	}
	close(hold)
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	for i, r := range waiting {
		if err := <-r.done; i%2 == 0 {
			wantCode(t, err, "disk_full")
		} else if err != nil {
			t.Errorf("an urgent update: %v", err)
		}
	}
	failed := errors.New("no")
	if err := s.Update(context.Background(), func(tx *Tx) error { tx.Urgent(); return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	wantCode(t, s.Update(context.Background(), ordinary), "disk_full")
	free = 1<<18 - 1
	wantCode(t, s.Update(context.Background(), urgent("a3")), "disk_full")
	s = reopened(t, s)
	if all := s.Agents(); len(all) != 2 || all[0].ID != "a1" || all[1].ID != "a2" {
		t.Errorf("agents: %+v", all)
	}
}
