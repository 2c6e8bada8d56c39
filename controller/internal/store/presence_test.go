package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"borgfleet/shared/job"
)

// lostStore is a store whose directory goes, and comes back when the test is over:
// Badger's last goroutines end then.
func lostStore(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "store"), testOptions())
	if err != nil {
		t.Fatal(err)
	}
	addJob(t, s, "a1")
	t.Cleanup(func() { awaitUnlocked(t, s) })
	return s
}

// awaitUnlocked waits for what was let go: it ends once its directory is back.
func awaitUnlocked(t *testing.T, s *Store) {
	t.Helper()
	waitFor(t, func() bool {
		lock, err := flock(s.dir.path)
		return err == nil && lock.Close() == nil
	})
}

// wantEnd: who closes such a store is not kept waiting, also if Badger hangs.
func wantEnd(t *testing.T, s *Store, hangs bool) {
	t.Helper()
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	select {
	case err := <-closed:
		if hangs != (err != nil && strings.Contains(err.Error(), "let go")) {
			t.Errorf("closed with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the store does not end")
	}
}

// TestADirectoryThatGoes while the controller runs: what is written from then on no
// start would find, so nothing is acknowledged, and who runs the store is told.
func TestADirectoryThatGoes(t *testing.T) {
	away := func(of func(*Store) string) func(*testing.T, *Store) {
		return func(t *testing.T, s *Store) {
			must(t, os.Rename(of(s), of(s)+".away"))
			t.Cleanup(func() { must(t, os.Rename(of(s)+".away", of(s))) })
		}
	}
	data := func(s *Store) string { return s.dir.data() }
	for name, hurt := range map[string]func(*testing.T, *Store){
		"whole":    away(func(s *Store) string { return s.dir.path }),
		"badger's": away(data),
		"emptied":  away(func(s *Store) string { return filepath.Join(data(s), manifest) }),
		"replaced": func(t *testing.T, s *Store) {
			away(data)(t, s)
			must(t, os.Mkdir(data(s), 0o700))
			t.Cleanup(func() { must(t, os.RemoveAll(data(s))) })
		},
	} {
		for _, idle := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/idle %v", name, idle), func(t *testing.T) {
				t.Parallel()
				s := lostStore(t)
				hurt(t, s)
				wantCode(t, s.Ready(), "data_dir_gone")
				if !idle {
					wantCode(t, s.Update(context.Background(), func(tx *Tx) error { return tx.NotePing(t0) }), "data_dir_gone")
				}
				<-s.Failed()
				wantCode(t, s.Err(), "data_dir_gone")
				wantEnd(t, s, name == "whole" || name == "badger's") // else tables can be written
			})
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestADirectoryThatCannotBeWritten for a while: nothing is stored meanwhile, and the
// store goes on by itself.
func TestADirectoryThatCannotBeWritten(t *testing.T) {
	s := open(t, t.TempDir())
	j := addJob(t, s, "a1")
	readOnly := true
	s.presence.access = func(path string, mode uint32) error {
		if readOnly && mode&unix.W_OK != 0 {
			return unix.EROFS
		}
		return unix.Access(path, mode)
	}
	put := func(tx *Tx) error { return tx.PutJob(ended(j, job.Completed)) }
	wantCode(t, s.Update(context.Background(), put), "data_dir_unusable")
	wantCode(t, s.Ready(), "data_dir_unusable")
	wantJob(t, s, j)
	readOnly = false
	update(t, s, put)
	if err := errors.Join(s.Err(), s.Ready()); err != nil {
		t.Error(err)
	}
}

// TestATableThatCannotBeWritten: Badger tries for ever, and holds up who writes. Both
// who waits and who closes the store hear of it.
func TestATableThatCannotBeWritten(t *testing.T) {
	s, err := Open(t.TempDir(), testOptions())
	must(t, err)
	s.flushes.mu.Lock()
	s.flushes.patience = 500 * time.Millisecond
	s.flushes.mu.Unlock()
	blocks := blockTables(t, s)
	pad := make([]byte, padBytes)
	for err == nil { // its memory takes some megabytes
		err = s.Update(context.Background(), func(tx *Tx) error { return tx.set([]byte(padKey), pad) })
	}
	wantCode(t, err, "store_failed")
	<-s.Failed()
	wantEnd(t, s, true)
	for _, path := range blocks {
		must(t, os.Remove(path))
	}
	awaitUnlocked(t, s)
}

// blockTables puts directories where Badger would write its next tables.
func blockTables(t *testing.T, s *Store) (all []string) {
	t.Helper()
	for n := range 100 {
		path := filepath.Join(s.dir.data(), fmt.Sprintf("%06d.sst", n+1))
		if err := os.Mkdir(path, 0o700); err == nil {
			all = append(all, path)
		}
	}
	return all
}
