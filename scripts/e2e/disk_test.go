package e2e

import (
	"testing"

	"borgfleet/scripts/faultfs"
	"borgfleet/scripts/testenv"
)

// onFaultDisks is a fleet whose controller and agent, "host", have disks of
// their own that can be hurt.
func onFaultDisks(t *testing.T, seed uint64) *testenv.Env {
	t.Helper()
	if err := faultfs.Available(); err != nil {
		t.Skip(err)
	}
	disk := &faultfs.Options{Seed: seed, Order: faultfs.Ordered}
	return newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		FaultDisk:  disk,
		Agents:     []testenv.Agent{{Name: "host", FaultDisk: disk}},
	})
}

// TestWhatWasAcknowledgedOutlivesThePower cuts the power of both machines after
// a backup: the controller has its verdict and its whole log.
func TestWhatWasAcknowledgedOutlivesThePower(t *testing.T) {
	t.Parallel()
	env := onFaultDisks(t, 1)
	host := env.Hosts["host"]
	register(t, env, repository{Name: "data", Sources: []string{tree(t, 300)}, FileLog: "all"})
	first := backup(t, env, "data")
	if first.Status != "completed" {
		t.Fatalf("the backup is %s: %s", first.Status, first.ErrorMessage)
	}
	lines, err := env.API.Lines(first.ID)
	must(t, err)

	must(t, host.PowerCut())
	must(t, env.Controller.PowerCut())
	must(t, env.Controller.PowerOn())
	must(t, host.PowerOn())
	again, err := env.API.Job(first.ID)
	must(t, err)
	after, err := env.API.Lines(first.ID)
	must(t, err)
	if again.Status != "completed" || len(after) != len(lines) {
		t.Errorf("after the power cut the job is %s and has %d lines of %d", again.Status, len(after), len(lines))
	}
}
