package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// refuse makes a file of a job's one that cannot be written, until mend.
func refuse(t *testing.T, dir *jobdir.Dir, name string) (mend func()) {
	t.Helper()
	path := filepath.Join(dir.Path(), name)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.RemoveAll(path); err != nil {
			t.Error(err)
		}
	}
}

// TestAnAnswerNeedsNoDisk: what it notes is a help for later. A directory that
// takes none of it must neither end the connection nor hold a cancel back.
func TestAnAnswerNeedsNoDisk(t *testing.T) {
	f := newFixture(t)
	key := newKey(t)
	dir, err := jobdir.Create(f.dir.Jobs(), key, spec(f.now), job.PhaseAnnounced)
	if err != nil {
		t.Fatal(err)
	}
	f.stop()
	f.open()
	for _, name := range []string{"acked", "replicated", "id"} {
		refuse(t, dir, name)
	}
	for _, action := range []fleetv1.JobAnswer_Action{
		fleetv1.JobAnswer_ACTION_KEEP, fleetv1.JobAnswer_ACTION_FORGET, fleetv1.JobAnswer_ACTION_CANCEL,
	} {
		if err := f.d.Answer(&fleetv1.JobAnswer{Key: key[:], Id: 42, Next: 1, Action: action}); err != nil {
			t.Errorf("%s: %v", action, err)
		}
	}
	if v := f.ended(key); v.Status != job.Cancelled {
		t.Errorf("the job is %v", v.Status)
	}
	if err := os.RemoveAll(dir.Path()); err != nil {
		t.Fatal(err)
	}
	if err := f.d.Answer(&fleetv1.JobAnswer{Key: key[:], Id: 42, Next: 1, Action: fleetv1.JobAnswer_ACTION_FORGET}); err != nil {
		t.Errorf("of a directory that was removed: %v", err)
	}
}

// TestAWishThatTheDiskRefusesIsKept: the controller says it once.
func TestAWishThatTheDiskRefusesIsKept(t *testing.T) {
	f := newFixture(t)
	key := newKey(t)
	dir, err := jobdir.Create(f.dir.Jobs(), key, spec(f.now), job.PhaseAnnounced)
	if err != nil {
		t.Fatal(err)
	}
	f.stop()
	f.open()
	mend := refuse(t, dir, "desired")
	f.order(key, fleetv1.Order_DESIRED_CANCEL, spec(f.now))
	if err := f.d.Cancel(key); err == nil {
		t.Error("a person is told that it went well")
	}
	mend()
	if v := f.ended(key); v.Status != job.Cancelled {
		t.Errorf("the job is %v", v.Status)
	}
}

// TestTheSameSnapshotIsNotWritten: every connection begins with one.
func TestTheSameSnapshotIsNotWritten(t *testing.T) {
	f := newFixture(t)
	m := &fleetv1.WatchResponse{Revision: 1, Snapshot: true, StoreId: "s", Repositories: []*fleetv1.Repository{
		wire.FromRepository(job.Repository{ID: 1, Name: "a", Path: "/a", Sources: []string{"/x", "/y"}}),
		wire.FromRepository(job.Repository{ID: 2, Name: "b", Path: "/b"}),
	}}
	if err := f.d.Apply(m); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(f.dir.Desired()); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(f.dir.Desired(), "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.d.Apply(m); err != nil {
		t.Errorf("the same snapshot needs the disk: %v", err)
	}
	m.Repositories[1].Path = "/c"
	key := newKey(t)
	m.Orders = []*fleetv1.Order{{Key: key[:], Id: 1, Desired: fleetv1.Order_DESIRED_RUN, Spec: wire.FromSpec(spec(f.now))}}
	if err := f.d.Apply(m); err == nil {
		t.Error("another one is confirmed and not on the disk")
	}
	if len(f.d.Dirs()) != 1 {
		t.Error("an order is not taken because the definitions cannot be kept")
	}
	f.ended(key) // it writes into its directory until then
}
