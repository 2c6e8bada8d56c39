package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"borgfleet/scripts/faultfs"
	"borgfleet/scripts/testenv"
)

// onFaultDisks is a fleet whose controller and agent, "host", have disks of
// their own that can be hurt.
func onFaultDisks(t *testing.T, seed uint64, agentEnv ...string) *testenv.Env {
	t.Helper()
	if err := faultfs.Available(); err != nil {
		t.Skip(err)
	}
	disk := &faultfs.Options{Seed: seed, Order: faultfs.Ordered}
	return newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		FaultDisk:  disk,
		Agents:     []testenv.Agent{{Name: "host", FaultDisk: disk, Env: agentEnv}},
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
	// The host is still dark: what the controller lost, nobody can give it again.
	again, err := env.API.Job(first.ID)
	must(t, err)
	after, err := env.API.Lines(first.ID)
	must(t, err)
	if again.Status != "completed" || !again.LogComplete || !slices.Equal(after, lines) {
		t.Errorf("after the power cut the job is %s, its log complete: %v, and has %d lines of %d, or others", again.Status, again.LogComplete, len(after), len(lines))
	}
	must(t, host.PowerOn())
	must(t, env.AwaitOnline("host"))
}

// TestNothingIsAcknowledgedBeforeTheDiskHasIt looks at the order of sync and
// word from outside: while the controller's syncs do not end, it answers no
// start and acknowledges no report; what its power takes away then, nobody was
// told of.
func TestNothingIsAcknowledgedBeforeTheDiskHasIt(t *testing.T) {
	t.Parallel()
	hold := holdBackups(t)
	env := onFaultDisks(t, 2, hold.env...)
	host, disk := env.Hosts["host"], env.Controller.Disk
	register(t, env, repository{Name: "data", Sources: []string{tree(t, 300)}, FileLog: "all"})
	register(t, env, repository{Name: "more", Sources: []string{tree(t, 3)}})
	id := hold.start(env, "data")
	acked := func() uint64 { return ackedNumber(t, host, id) }

	disk.Fail(faultfs.Faults{SlowSync: time.Hour})
	before, told := disk.Stats().Syncs, acked()
	hold.goOn()
	must(t, env.Await("the controller writes the report down", func() (bool, error) {
		return disk.Stats().Syncs > before && len(host.JobProcesses()) == 0, nil
	}))
	answered := make(chan error, 1)
	go func() { answered <- env.API.Post("/api/backup/start", map[string]any{"repository": "more"}, nil) }()
	select {
	case err := <-answered:
		t.Errorf("a start was answered (%v) and the disk did not have it", err)
	case <-time.After(time.Second): // what must not come has no other sign
	}
	if now := acked(); now != told {
		t.Errorf("lines up to %d were acknowledged, the disk has those before %d", now, told)
	}

	must(t, env.Controller.PowerCut())
	if err := <-answered; err == nil {
		t.Error("a start was answered when the power was cut")
	}
	disk.Fail(faultfs.Faults{})
	must(t, env.Controller.PowerOn())
	j, err := env.Finish(id)
	must(t, err)
	lines, err := env.API.Lines(id)
	must(t, err)
	if j.Status != "completed" || acked() != uint64(len(lines))+1 {
		t.Errorf("after the power cut the job is %s with %d lines; %d are acknowledged", j.Status, len(lines), acked()-1)
	}
}

// ackedNumber is the first number of a job's journal that the host has not been
// told to be on the controller's disk.
func ackedNumber(t *testing.T, host *testenv.Host, id int64) uint64 {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(host.StateDir, "jobs", "*"))
	must(t, err)
	for _, dir := range dirs {
		if b, err := os.ReadFile(filepath.Join(dir, "id")); err != nil || strings.TrimSpace(string(b)) != strconv.FormatInt(id, 10) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, "acked"))
		if err != nil {
			return 0
		}
		n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
		must(t, err)
		return n
	}
	return 0
}
