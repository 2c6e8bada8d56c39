package enrol

import (
	"errors"
	"testing"

	"borgfleet/agent/internal/state"
)

// TestMoved gives the directory to the machine it is on now, and changes
// nothing else: it is the same history.
func TestMoved(t *testing.T) {
	dir, err := state.At(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	on := func(machine string) func() (string, error) {
		return func() (string, error) { return machine, nil }
	}
	if _, err := Moved(dir, on("m2")); !errors.Is(err, state.ErrNotEnrolled) {
		t.Errorf("not enrolled: %v", err)
	}
	old := state.Identity{AgentID: "a1", Name: "web1", FleetID: "f1", StateID: "s1", MachineID: "m1", ControllerURL: "https://c:1"}
	if err := dir.SaveIdentity(old); err != nil {
		t.Fatal(err)
	}
	want := old
	for _, want.MachineID = range []string{"m2", "m2", "m1"} {
		got, err := Moved(dir, on(want.MachineID))
		if err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		if kept, err := dir.Identity(); err != nil || kept != want {
			t.Errorf("kept %+v, %v", kept, err)
		}
	}
	// A host without an id gets one: the old machine's must not go on.
	made, err := Moved(dir, on(""))
	if err != nil || made.MachineID == "" || made.MachineID == "m1" {
		t.Errorf("made %q, %v", made.MachineID, err)
	}
	lock, err := dir.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := Moved(dir, on("m3")); err == nil {
		t.Error("moved under a running agent")
	}
}
