package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"
)

// What is removed goes on taking room until Badger packs its tables anew, and it
// does that by how much is in them: what shadows a gigabyte of logs is a megabyte
// of removals, which it may carry along for months. So it is told to.

// padBytes is what one update writes to have the table in memory written out.
const padBytes = 128 << 10

// Removed is about how much has been removed since GiveBack.
func (s *Store) Removed() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.gone.removed
}

// GiveBack has Badger give the disk back what was removed. Writing goes on
// meanwhile: pause is waited for between two of its own updates. Close waits for
// it, as the step that packs the tables cannot be broken off.
func (s *Store) GiveBack(ctx context.Context, pause func(took time.Duration) error) error {
	if !s.readers.enter() {
		return errClosed()
	}
	defer s.readers.leave()
	before := s.Removed()
	if s.Ready() == nil { // else what is in tables by now has to do: it makes room
		if err := s.writeOut(ctx, pause); err != nil {
			return err
		}
		for s.onTop() { // one more table each time
			if err := s.writeOut(ctx, pause); err != nil {
				return err
			}
		}
	}
	// Badger keeps what somebody may still read, and notices that nobody does when
	// the next one has read.
	if err := s.db.View(func(*badger.Txn) error { return nil }); err != nil {
		return fmt.Errorf("look at the store: %w", err)
	}
	if err := s.roomToPack(); err != nil {
		return err
	}
	if err := s.db.Flatten(1); err != nil {
		return fmt.Errorf("pack the store's tables: %w", err)
	}
	return s.Update(ctx, func(tx *Tx) error { return tx.countRemoved(-before) })
}

// packAhead is what packing writes of the lowest tables before it removes them.
const packAhead = 128 << 20

// roomToPack: packing writes before it frees, and must not fill the disk. All that
// is above the lowest tables may be written once more at a time.
func (s *Store) roomToPack() error {
	tables := s.db.Tables()
	lowest := 0
	for _, t := range tables {
		lowest = max(lowest, t.Level)
	}
	need := uint64(0)
	for _, t := range tables {
		if t.Level < lowest {
			need += uint64(t.OnDiskSize)
		}
	}
	return s.space.leaves(s.space.keep/4+min(need+packAhead, 3*need), errDiskFull)
}

// onTop: all tables are as they came from memory, and are too few yet for Badger to
// pack them into others, whoever tells it to.
func (s *Store) onTop() bool {
	tables := s.db.Tables()
	for _, t := range tables {
		if t.Level > 0 {
			return false
		}
	}
	return len(tables) > 0 && len(tables) <= s.db.Opts().NumLevelZeroTables
}

// writeOut has the removals that are in memory written into a table. Badger does
// that when its memory is full, and has no other way that does not hold up all
// writing.
func (s *Store) writeOut(ctx context.Context, pause func(time.Duration) error) error {
	old, err := s.memTables()
	if err != nil {
		return err
	}
	pad := make([]byte, padBytes)
	for still := old; len(still) > 0; {
		began := time.Now()
		if err := s.Update(ctx, func(tx *Tx) error { return tx.set([]byte(padKey), pad) }); err != nil {
			return err
		}
		if err := pause(time.Since(began)); err != nil {
			return err
		}
		if still, err = remaining(old); err != nil {
			return err
		}
	}
	return s.Update(ctx, func(tx *Tx) error { return tx.del([]byte(padKey)) })
}

// memTables gives the files behind the tables in memory. Badger removes one when
// all that is in it is in a table on the disk.
func (s *Store) memTables() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(s.dir.data(), "*.mem"))
	if err != nil {
		return nil, fmt.Errorf("look for memtables: %w", err)
	}
	return files, nil
}

// remaining gives those of the files that are still there.
func remaining(files []string) (still []string, err error) {
	for _, f := range files {
		switch _, err := os.Stat(f); {
		case err == nil:
			still = append(still, f)
		case !errors.Is(err, os.ErrNotExist):
			return nil, fmt.Errorf("look at a memtable: %w", err)
		}
	}
	return still, nil
}

// DiskBytes is how much room the store takes on the disk.
func (s *Store) DiskBytes() (bytes int64, err error) {
	files, err := os.ReadDir(s.dir.data())
	if err != nil {
		return 0, fmt.Errorf("look at the store's files: %w", err)
	}
	for _, f := range files {
		var st unix.Stat_t
		err := unix.Stat(filepath.Join(s.dir.data(), f.Name()), &st)
		if errors.Is(err, os.ErrNotExist) {
			continue // packed meanwhile
		}
		if err != nil {
			return 0, fmt.Errorf("look at the store's files: %w", err)
		}
		bytes += st.Blocks * 512 // what is behind a memtable is mostly a hole
	}
	return bytes, nil
}
