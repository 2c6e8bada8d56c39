package daemon

import (
	"sync/atomic"
	"testing"
	"time"

	"borgfleet/agent/internal/witness"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestWhatIsUnsealedIsListed: what no other job seals soon gets one, and again
// with patience while that does not help.
func TestWhatIsUnsealedIsListed(t *testing.T) {
	f, l := looking(t)
	var mark atomic.Value
	mark.Store("")
	f.stop()
	f.unsealed = func(job.Repository) (string, bool) { m := mark.Load().(string); return m, m != "" }
	f.open()
	want := func(what string, n int) {
		t.Helper()
		f.looked()
		if got := f.lists(); got != n {
			t.Errorf("%s: %d lists, want %d", what, got, n)
		}
	}
	want("all is sealed", 0)
	mark.Store("age1a")
	want("a job may do it anyway", 0)
	f.pass(strangerGrace - time.Second)
	want("within the grace", 0)
	f.pass(time.Second)
	want("none did", 1)
	want("the same", 1)
	f.pass(listAgain)
	want("it did not help", 2)
	f.pass(listAgain)
	want("patience grows", 2)
	mark.Store("age1b")
	want("another key", 2)
	f.pass(strangerGrace)
	want("another key, not sealed to", 3)
	mark.Store("")
	want("sealed", 3)
	l.say(witness.Changed, "1")
	want("a change by hand", 4)
}

// TestTheOwnersRecoveryKey: what the controller names is kept and told, over a
// restart too, and does not touch what the owner has accepted.
func TestTheOwnersRecoveryKey(t *testing.T) {
	f := newFixture(t)
	var own atomic.Value
	own.Store("age1own")
	f.stop()
	f.accepted = func() string { return own.Load().(string) }
	f.open()
	is := func(what, accepted, named string) {
		t.Helper()
		if a, n := f.d.RecoveryKey(); a != accepted || n != named {
			t.Errorf("%s: %q and %q, want %q and %q", what, a, n, accepted, named)
		}
	}
	is("at first", "age1own", "")
	for _, m := range []*fleetv1.WatchResponse{
		{Snapshot: true, StoreId: "s", RecoveryRecipient: "age1thief"},
		{RemovedRepositories: []int64{4}}, // no snapshot: says nothing of it
	} {
		if err := f.d.Apply(m); err != nil {
			t.Fatal(err)
		}
	}
	is("another one is named", "age1own", "age1thief")
	f.stop()
	f.open()
	is("after a restart", "age1own", "age1thief")
	own.Store("age1thief")
	is("not read yet", "age1own", "age1thief")
	for len(f.d.Wake()) > 0 {
		<-f.d.Wake()
	}
	if a, _ := f.d.AskRecoveryKey(); a != "age1thief" || len(f.d.Wake()) == 0 {
		t.Errorf("accepted %q, and the link was told %d times", a, len(f.d.Wake()))
	}
}
