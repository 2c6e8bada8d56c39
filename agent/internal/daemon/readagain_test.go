package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestADirectoryThatCanBeReadAgain is looked after without a start of the agent.
func TestADirectoryThatCanBeReadAgain(t *testing.T) {
	f := newFixture(t)
	f.stop()
	key := newKey(t)
	dir, err := jobdir.CreateEnded(f.dir.Jobs(), key, spec(f.now), job.Verdict{Status: job.Failed, EndedAt: f.now})
	if err != nil {
		t.Fatal(err)
	}
	file, aside := filepath.Join(dir.Path(), "spec"), filepath.Join(dir.Path(), "aside")
	if err := os.Rename(file, aside); err != nil {
		t.Fatal(err)
	}
	f.open()
	f.d.readAgain()
	if _, ok := f.d.Dir(key); ok || len(f.d.Damaged()) != 1 {
		t.Fatalf("damaged: %v", f.d.Damaged())
	}
	if err := os.Rename(aside, file); err != nil {
		t.Fatal(err)
	}
	f.d.readAgain()
	if _, ok := f.d.Dir(key); !ok || len(f.d.Damaged()) != 0 {
		t.Errorf("it is looked after: %v, damaged: %v", ok, f.d.Damaged())
	}
	if _, said := f.d.TakeChanged()[key]; !said {
		t.Error("the controller is told nothing")
	}
}

// TestPipesOfAnEndedJobGo: its job process may have died right after the verdict.
func TestPipesOfAnEndedJobGo(t *testing.T) {
	f := newFixture(t)
	dir, err := jobdir.CreateEnded(f.dir.Jobs(), newKey(t), spec(f.now), job.Verdict{Status: job.Failed, EndedAt: f.now})
	if err != nil {
		t.Fatal(err)
	}
	pipes, err := dir.HoldPipes()
	if err != nil {
		t.Fatal(err)
	}
	pipes.Close()
	left := func() []string {
		names, err := filepath.Glob(filepath.Join(dir.Path(), "*.fifo"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if len(left()) == 0 {
		t.Fatal("there are no pipes to go")
	}
	f.d.add(dir)
	f.await("the pipes are gone", func() bool { return len(left()) == 0 })
}

// TestWhatTheControllerLacksStays, also when that could not be noted.
func TestWhatTheControllerLacksStays(t *testing.T) {
	f := newFixture(t)
	s := spec(f.now)
	s.StartDeadline = f.now.AddDate(0, 0, -29)
	dir, err := jobdir.CreateEnded(f.dir.Jobs(), newKey(t), s, job.Verdict{Status: job.Completed, EndedAt: f.now.AddDate(0, 0, -30)})
	if err != nil {
		t.Fatal(err)
	}
	f.d.add(dir)
	key := dir.Key()
	answer := func(a fleetv1.JobAnswer_Action) {
		if err := f.d.Answer(&fleetv1.JobAnswer{Key: key[:], Next: 1, Action: a}); err != nil {
			t.Fatal(err)
		}
	}
	answer(fleetv1.JobAnswer_ACTION_KEEP)
	if err := dir.SetReplicated(); err != nil { // as if the disk had kept the old note
		t.Fatal(err)
	}
	f.d.tidy()
	if _, ok := f.d.Dir(key); !ok {
		t.Fatal("it was removed, and the controller lacks something of it")
	}
	answer(fleetv1.JobAnswer_ACTION_FORGET)
	f.d.tidy()
	if _, ok := f.d.Dir(key); ok {
		t.Error("it stays for ever")
	}
}
