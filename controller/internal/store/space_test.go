package store

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/shared/job"
)

// TestFullDisk: nothing is written while there is no room, nothing is lost or
// left half done, progress goes on, and so does everything when there is room.
func TestFullDisk(t *testing.T) {
	s := open(t, t.TempDir())
	j := addJob(t, s, "a1")
	free := uint64(1<<20 - 1)
	s.space.free = func(string) (uint64, error) { return free, nil }
	err := s.Update(context.Background(), func(tx *Tx) error {
		return errors.Join(tx.PutJob(newJob(tx.NewJobID(), "a1")), tx.AppendLog(j.ID, 1, lines(1, 3)))
	})
	wantCode(t, err, "disk_full")
	if s.Err() != nil || s.Count() != 1 {
		t.Fatal(s.Err(), s.Count())
	}
	wantCode(t, s.Ready(), "disk_full")
	live := j
	live.Register.Progress.NFiles = 3
	update(t, s, func(tx *Tx) error { tx.SetLive(live); return nil })
	free = 1 << 20
	if err := s.Ready(); err != nil {
		t.Errorf("not ready with room again: %v", err)
	}
	appendLog(t, s, j.ID, lines(1, 3))
	addJob(t, s, "a1")
	s = reopened(t, s)
	wantLines(t, s, j.ID, 3)
}

func wantLines(t testing.TB, s *Store, id int64, n int) {
	t.Helper()
	if recs, err := s.Log(id, 1, 1<<30); err != nil || len(recs) != n {
		t.Fatalf("%d lines, want %d: %v", len(recs), n, err)
	}
}

// TestFailedWriteIsFinal: after a write that went wrong nobody knows what is on
// the disk, so nothing more is promised, and who runs the store is told.
func TestFailedWriteIsFinal(t *testing.T) {
	s := open(t, t.TempDir())
	j := addJob(t, s, "a1")
	eio := errors.New("input/output error")
	s.write = func(map[string]write) error { return s.fail(errFailed(s.dir.path, eio)) }
	put := func(tx *Tx) error { return tx.PutJob(ended(j, job.Completed)) }
	err := s.Update(context.Background(), put)
	wantCode(t, err, "store_failed")
	if !errors.Is(err, eio) {
		t.Error("the cause is lost")
	}
	<-s.Failed()
	wantCode(t, s.Err(), "store_failed")
	s.write = s.writeBadger
	wantCode(t, s.Update(context.Background(), put), "store_failed")
	wantJob(t, s, j)
	s = reopened(t, s)
	wantJob(t, s, j)
	update(t, s, put)
}

const fullDirVar = "STORE_TEST_FULL_DIR"

// TestReallyFullDisk fills a small file system of its own.
func TestReallyFullDisk(t *testing.T) {
	if dir := os.Getenv(fullDirVar); dir != "" {
		fillDisk(t, dir)
		return
	}
	if err := exec.Command("unshare", "-m", "true").Run(); err != nil {
		t.Skip("a file system of our own needs root: ", err)
	}
	dir := t.TempDir()
	cmd := exec.Command("unshare", "-m", "sh", "-c",
		`mount -t tmpfs -o size=96m tmpfs "$0" && exec "$1" -test.run '^TestReallyFullDisk$' -test.v`, dir, os.Args[0])
	cmd.Env = append(os.Environ(), fullDirVar+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillDisk(t *testing.T, dir string) {
	opt := testOptions()
	opt.KeepFree = 24 << 20
	opt.MemTableSize = 2 << 20
	s, err := Open(filepath.Join(dir, "store"), opt)
	if err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	stored := map[int64]bool{}
	for round := range 3 {
		err := error(nil)
		for n := 0; err == nil && n < 3000; n++ {
			if n == 300 { // somebody else takes the rest of the disk
				fill(t, dir, filler, opt.KeepFree-(1<<20))
			}
			var id int64
			err = s.Update(context.Background(), func(tx *Tx) error {
				j := newJob(tx.NewJobID(), "a1")
				id = j.ID
				return errors.Join(tx.PutJob(ended(j, job.Failed)), tx.AppendLog(id, 1, lines(1, 200)))
			})
			if err == nil {
				stored[id] = true
			}
		}
		wantCode(t, err, "disk_full")
		fill(t, dir, filepath.Join(dir, "more"), opt.KeepFree/4+(2<<20))
		for range 300 { // what takes authority away goes on
			update(t, s, func(tx *Tx) error { tx.Urgent(); return tx.PutAgent(Agent{ID: "a1", Revoked: true}) })
		}
		if err := os.Truncate(filepath.Join(dir, "more"), 0); err != nil {
			t.Fatal(err)
		}
		if round == 1 { // reading, and opening to read, go on
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err = Open(filepath.Join(dir, "store"), opt); err != nil {
				t.Fatal(err)
			}
		}
		for id := range stored {
			wantLines(t, s, id, 200)
		}
		if s.Count() != len(stored) {
			t.Fatalf("%d jobs, %d acknowledged", s.Count(), len(stored))
		}
		for _, file := range []string{filler, filepath.Join(dir, "more")} {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	fill(t, dir, filler, 1<<20)
	_, err = Open(filepath.Join(dir, "store"), opt)
	wantCode(t, err, "disk_full")
	if strings.Contains(err.Error(), "by itself") || !strings.Contains(err.Error(), "takes 12 MiB") || !strings.Contains(err.Error(), "start the controller again") {
		t.Errorf("who cannot start is told %q", err)
	}
}

// fill leaves only so many bytes free.
func fill(t *testing.T, dir, file string, leave int64) {
	t.Helper()
	free, err := freeBytes(dir)
	if err != nil {
		t.Fatal(err)
	}
	if n := int64(free) - leave; n > 0 {
		if err := os.WriteFile(file, make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
