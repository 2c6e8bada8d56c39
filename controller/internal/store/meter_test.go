package store

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// metered remembers how many updates went with each commit.
type metered struct {
	mu      sync.Mutex
	commits []int // guarded by mu
}

func (m *metered) Committed(updates int, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if took <= 0 {
		updates = -1
	}
	m.commits = append(m.commits, updates)
}

func (m *metered) all() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]int(nil), m.commits...)
}

// TestMeter: every commit is told of with those that went with it, and nothing else
// is; who waits is counted until he is answered.
func TestMeter(t *testing.T) {
	m := &metered{}
	opt := testOptions()
	opt.Meter = m
	s, err := Open(t.TempDir(), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	audit := func(tx *Tx) error { return tx.Audit(AuditEntry{Who: "ann", What: "x", Outcome: "done"}) }
	update(t, s, audit)
	update(t, s, func(*Tx) error { return nil }) // nothing for the disk
	if got := m.all(); len(got) != 1 || got[0] != 1 {
		t.Errorf("commits %v", got)
	}
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Update(context.Background(), func(*Tx) error { close(held); <-hold; return nil }) })
	<-held
	for range 7 {
		wg.Go(func() { update(t, s, audit) })
	}
	waitFor(t, func() bool { s.queue.mu.Lock(); defer s.queue.mu.Unlock(); return len(s.queue.waiting) == 7 })
	if n := s.Stats().Waiting; n != 8 {
		t.Errorf("%d wait, and eight do", n)
	}
	close(hold)
	wg.Wait()
	if got := m.all(); len(got) != 2 || got[1] != 7 {
		t.Errorf("commits %v", got)
	}
	disk := errors.New("disk")
	real := s.write
	s.write = func(map[string]write) error { return disk }
	if err := s.Update(context.Background(), audit); !errors.Is(err, disk) {
		t.Fatal(err)
	}
	s.write = real
	if got := m.all(); len(got) != 2 {
		t.Errorf("a commit that failed is among %v", got)
	}
	if st := s.Stats(); st.Audited != 8 || st.Waiting != 0 {
		t.Errorf("%+v: eight entries were written, and nobody waits", st)
	}
}

func TestSpaceIsTold(t *testing.T) {
	s := open(t, t.TempDir())
	s.space.free = func(string) (uint64, error) { return 12345 << 20, nil }
	if free, reserve, err := s.Space(); free != 12345<<20 || reserve != 1<<20 || err != nil {
		t.Errorf("%d free, %d reserved, %v", free, reserve, err)
	}
	before := s.IndexBytes()
	addJob(t, s, "a1")
	if s.IndexBytes() <= before {
		t.Error("an index with a job takes no more than one without")
	}
}
