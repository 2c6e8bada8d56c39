package jobdir

import (
	"testing"
	"time"

	"borgfleet/scripts/faultfs"
	"borgfleet/shared/job"
)

// TestRemovedAtOnceOrNotAtAll: the power goes while a job's directory is being
// removed. What is there afterwards under the job's key has its verdict still: one
// that lacked it would be taken for a job that was interrupted, and judged again.
func TestRemovedAtOnceOrNotAtAll(t *testing.T) {
	if err := faultfs.Available(); err != nil {
		t.Skip(err)
	}
	for seed := range uint64(30) {
		disk, err := faultfs.Mount(t.TempDir(), faultfs.Options{Seed: seed, Order: faultfs.Strict})
		must(t, err)
		defer disk.Unmount()
		d, err := Create(disk.Dir(), newKey(t), testSpec(), job.PhaseAccepted)
		must(t, err)
		must(t, d.MarkStarted(Started{ArchiveName: "a"}))
		must(t, d.WriteVerdict(job.Verdict{Status: job.Completed}))

		before := disk.Stats().DirSyncs
		disk.Fail(faultfs.Faults{SlowSync: time.Hour})
		done := make(chan error, 1)
		go func() { done <- d.Remove() }()
		await(t, func() bool { return disk.Stats().DirSyncs > before })
		disk.PowerCut(nil)
		<-done
		disk.Fail(faultfs.Faults{})
		must(t, disk.PowerOn())

		dirs, damaged, err := List(disk.Dir())
		must(t, err)
		if len(damaged) > 0 {
			t.Errorf("seed %d: %v", seed, damaged)
		}
		for _, left := range dirs {
			if !left.Ended() {
				t.Errorf("seed %d: the verdict is gone, the job is there", seed)
			}
		}
		must(t, disk.Unmount())
	}
}
