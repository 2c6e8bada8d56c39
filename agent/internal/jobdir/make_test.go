package jobdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"borgfleet/scripts/faultfs"
	"borgfleet/shared/job"
)

// TestNotMadeIsNotThere: the last sync fails, that of the new name. Who asked is
// told that there is no job, so there must be none that a later daemon finds.
func TestNotMadeIsNotThere(t *testing.T) {
	if err := faultfs.Available(); err != nil {
		t.Skip(err)
	}
	disk, err := faultfs.Mount(t.TempDir(), faultfs.Options{Order: faultfs.Strict})
	must(t, err)
	defer disk.Unmount()
	key, before := newKey(t), disk.Stats()
	slow := faultfs.Faults{SlowSync: time.Hour}
	disk.Fail(slow)
	done := make(chan error, 1)
	go func() {
		_, err := Create(disk.Dir(), key, testSpec(), job.PhaseAccepted)
		done <- err
	}()
	// Each new fault lets the sync go on that waits; the one of the name fails.
	await(t, func() bool { return disk.Stats().Syncs > before.Syncs })
	disk.Fail(slow)
	await(t, func() bool { return disk.Stats().DirSyncs > before.DirSyncs })
	disk.Fail(slow)
	await(t, func() bool { return disk.Stats().DirSyncs > before.DirSyncs+1 })
	disk.Fail(faultfs.Faults{FailSync: true})
	if err := <-done; err == nil {
		t.Fatal("it is made although its name is not on the disk")
	}
	if _, err := os.Lstat(filepath.Join(disk.Dir(), key.String())); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it is there")
	}
	disk.Fail(faultfs.Faults{})
	_, err = Create(disk.Dir(), key, testSpec(), job.PhaseAccepted)
	must(t, err)
	dirs, damaged, err := List(disk.Dir())
	if err != nil || len(dirs) != 1 || len(damaged) != 0 {
		t.Errorf("%v, %v, %v", dirs, damaged, err)
	}
}
