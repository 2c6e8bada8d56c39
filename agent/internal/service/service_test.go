package service

import (
	"errors"
	"log/slog"
	"testing"

	"borgfleet/agent/internal/state"
)

// TestACopyOnAnotherMachineDoesNotRun.
func TestACopyOnAnotherMachineDoesNotRun(t *testing.T) {
	dir, err := state.At(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Create(); err != nil {
		t.Fatal(err)
	}
	if err := dir.SaveIdentity(state.Identity{AgentID: "a1", MachineID: "m1"}); err != nil {
		t.Fatal(err)
	}
	run := func(machine string) error {
		return Run(t.Context(), Options{
			StateDir: dir.Path(), Logger: slog.New(slog.DiscardHandler),
			MachineID: func() (string, error) { return machine, nil },
		})
	}
	if err := run("m2"); !errors.Is(err, state.ErrOtherMachine) {
		t.Errorf("a copy: %v", err)
	}
	// Its own machine gets further: to the configuration, of which there is none.
	if err := run("m1"); err == nil || errors.Is(err, state.ErrOtherMachine) {
		t.Errorf("the original: %v", err)
	}
}
