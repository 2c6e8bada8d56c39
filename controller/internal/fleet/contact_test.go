package fleet

import (
	"context"
	"testing"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

func (r *rig) lastContact(p *puppet) time.Time {
	r.t.Helper()
	v, err := r.s.Agent(r.t.Context(), p.id)
	must(r.t, err)
	return v.LastContactAt
}

// holdDisk keeps the store from writing anything until release.
func (r *rig) holdDisk() (release func()) {
	began, end, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- r.st.Update(context.Background(), func(*store.Tx) error {
			close(began)
			<-end
			return nil
		})
	}()
	<-began
	return func() {
		close(end)
		must(r.t, <-done)
	}
}

// TestLastContactIsWhatTheAgentSaidLast, and not that its connection stands;
// the first word of its end already tells the right time.
func TestLastContactIsWhatTheAgentSaidLast(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/r")
	r.pass(time.Hour) // long since it enrolled
	a.connect("s1")
	j := r.start("/r", "")
	key := a.order(j.ID).Key
	began := r.clock()
	r.pass(10 * time.Second) // it hangs, and its connection stands
	if got := r.lastContact(a); !got.Equal(began) {
		t.Errorf("online and silent: last contact %s, want %s", got, began)
	}
	if v, err := r.s.Job(t.Context(), j.ID); err != nil || !v.LastContactAt.Equal(began) {
		t.Errorf("its job: last contact %s, want %s (%v)", v.LastContactAt, began, err)
	}
	a.send(&fleetv1.JobReport{Key: key, Register: register(1, job.PhaseStarted, "")})
	a.next("started")
	word := r.clock()
	if got := r.lastContact(a); !got.Equal(word) {
		t.Errorf("last contact %s, want that of its report, %s", got, word)
	}
	r.pass(10 * time.Second)
	must(t, a.stream.Send(&fleetv1.ReportRequest{}))
	r.await("a sign of life counts", func() bool { return r.lastContact(a).Equal(word.Add(10 * time.Second)) })
	word = r.clock()

	r.pass(20 * time.Second)
	agents := r.listen(EventQuery{Types: []EventType{EventAgent}}, "")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	release := r.holdDisk()
	a.disconnect()
	for told := 0; told == 0; {
		batch, err := agents.next(ctx)
		if err != nil || ctx.Err() != nil {
			t.Fatalf("its end is not told (%v)", err)
		}
		for _, e := range batch.Events {
			if e.Agent.Online {
				continue
			}
			told++
			if !e.Agent.LastContactAt.Equal(word) {
				t.Errorf("an event says %s, want %s", e.Agent.LastContactAt, word)
			}
		}
	}
	release()
	r.await("it is on the disk", func() bool {
		stored, _ := r.st.Agent(a.id)
		return stored.LastContactAt.Equal(word)
	})
	if got := r.lastContact(a); !got.Equal(word) {
		t.Errorf("offline: last contact %s, want %s", got, word)
	}
}
