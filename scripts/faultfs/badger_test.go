package faultfs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// openBadger opens a store with the controller's options, but for tables so
// small that they are written, merged and removed all the time.
func openBadger(dir string) (*badger.DB, error) {
	o := badger.DefaultOptions(filepath.Join(dir, "db")).
		WithSyncWrites(true).WithDetectConflicts(false).WithLogger(nil).WithMetricsEnabled(false).
		WithMemTableSize(256 << 10).WithNumMemtables(2).WithBaseTableSize(256 << 10).
		WithValueThreshold(256 << 10 / 10).WithValueLogFileSize(16 << 20).
		WithBlockCacheSize(8 << 20).WithIndexCacheSize(8 << 20).
		WithCompression(options.Snappy).WithNumCompactors(2).WithNumGoroutines(2)
	o.TableSizeMultiplier = 1
	return badger.Open(o)
}

// badgerValue does not get smaller by compression.
func badgerValue(n uint64) []byte {
	rnd := rand.New(rand.NewPCG(n, 4))
	value := make([]byte, 0, 1600)
	for len(value) < cap(value) {
		value = binary.LittleEndian.AppendUint64(value, rnd.Uint64())
	}
	return value
}

// badgerChild commits until it is killed, and says which commits are done.
func badgerChild(dir string) error {
	db, err := openBadger(dir)
	if err != nil {
		return err
	}
	for n := uint64(0); ; n++ {
		err := db.Update(func(txn *badger.Txn) error {
			for i := range uint64(4) {
				key := fmt.Appendf(nil, "%08d-%d", n, i)
				if err := txn.Set(key, badgerValue(n)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// badgerList says which commits are there, whole.
func badgerList(dir string) error {
	if err := removeEmptyMemtables(filepath.Join(dir, "db")); err != nil {
		return err
	}
	db, err := openBadger(dir)
	if err != nil {
		return err
	}
	err = db.View(func(txn *badger.Txn) error {
		for n := uint64(0); ; n++ {
			for i := range uint64(4) {
				item, err := txn.Get(fmt.Appendf(nil, "%08d-%d", n, i))
				if errors.Is(err, badger.ErrKeyNotFound) && i == 0 {
					return nil
				}
				if err != nil {
					return fmt.Errorf("commit %d, part %d: %w", n, i, err)
				}
				value, err := item.ValueCopy(nil)
				if err != nil {
					return err
				}
				if !bytes.Equal(value, badgerValue(n)) {
					return fmt.Errorf("commit %d has a wrong value", n)
				}
			}
			fmt.Println(n)
		}
	})
	return errors.Join(err, db.Close())
}

// removeEmptyMemtables helps Badger over a power cut between the creation of a
// memtable and its size, or between the end of one, which Badger truncates, and
// its removal: a memtable without a byte it refuses to open.
func removeEmptyMemtables(dir string) error {
	tables, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil {
		return err
	}
	for _, table := range tables {
		if info, err := os.Stat(table); err != nil {
			return err
		} else if info.Size() == 0 {
			if err := os.Remove(table); err != nil {
				return err
			}
		}
	}
	return nil
}

// Badger needs the order that file systems in use keep: it relies on the sync
// of a new memtable to make its name durable, too.
func TestBadgerKeepsEveryCommitThroughAPowerCut(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { badgerThroughACut(t, seed) })
	}
}

func badgerThroughACut(t *testing.T, seed uint64) {
	fs := mounted(t, Options{Seed: seed, Order: Ordered})
	must(t, os.Mkdir(filepath.Join(fs.Dir(), "db"), 0o700))
	syncDir(t, fs.Dir()) // Badger looks after what is in its directory only
	cmd := child("badger", fs.Dir())
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	last, stop := -1, rand.New(rand.NewPCG(seed, 3)).IntN(600)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		last, err = strconv.Atoi(lines.Text())
		must(t, err)
		if last == stop {
			fs.PowerCut(func() { must(t, cmd.Process.Kill()) })
		}
	}
	_ = cmd.Wait()
	if last < stop {
		t.Fatalf("the writer ended by itself after commit %d", last)
	}
	must(t, fs.PowerOn())
	var list bytes.Buffer
	again := child("badger-list", fs.Dir())
	again.Stdout = &list
	if err := again.Run(); err != nil {
		t.Fatalf("open after the cut: %v", err)
	}
	if n := bytes.Count(list.Bytes(), []byte("\n")); n < last+1 {
		t.Errorf("%d commits were acknowledged, %d are there", last+1, n)
	}
}
