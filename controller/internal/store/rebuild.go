package store

import (
	"errors"
	"fmt"
	"iter"

	"github.com/dgraph-io/badger/v4"
)

// checkSpaceEvery is how much is written between two looks at the free space.
const checkSpaceEvery = 16 << 20

// Rebuild makes a store in path, which must not be one yet, of the entries of
// another. It gets an id of its own. A crash leaves a part of a store: who calls
// must see to it that nobody opens that.
func Rebuild(path string, opt Options, entries iter.Seq2[Entry, error], r Restored) (err error) {
	opt = opt.withDefaults()
	d, err := openDir(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	db, err := badger.Open(badgerOptions(d.data(), opt))
	if err != nil {
		return fmt.Errorf("make the store in %s: %w", path, err)
	}
	defer func() {
		if cerr := db.Close(); cerr != nil {
			err = errors.Join(err, fmt.Errorf("close the store: %w", cerr))
		}
	}()
	b := &rebuilding{space: space{path: path, keep: uint64(opt.KeepFree), free: freeBytes}, batch: db.NewWriteBatch()}
	defer b.batch.Cancel()
	if err := b.take(entries); err != nil {
		return err
	}
	if err := b.finish(r); err != nil {
		return err
	}
	if err := b.batch.Flush(); err != nil {
		return fmt.Errorf("write the store: %w", err)
	}
	return syncDir(d.data())
}

type rebuilding struct {
	batch      *badger.WriteBatch
	space      space
	sinceCheck int64
	counters   counters // as they were
}

func (b *rebuilding) take(entries iter.Seq2[Entry, error]) error {
	if err := b.space.check(); err != nil {
		return err
	}
	for e, err := range entries {
		if err != nil {
			return err
		}
		if len(e.Key) == 0 {
			return fmt.Errorf("an entry without a key: %w", errEntry)
		}
		if err := b.entry(e); err != nil {
			return err
		}
	}
	return nil
}

func (b *rebuilding) entry(e Entry) error {
	switch {
	case string(e.Key) == nextJobKey:
		b.counters.job = decodeNumber(e.Value)
		return nil
	case string(e.Key) == nextRepositoryKey:
		b.counters.repository = decodeNumber(e.Value)
		return nil
	case string(e.Key) == nextAuditKey:
		b.counters.audit = decodeNumber(e.Value)
		return nil
	case string(e.Key) == nextScheduleKey:
		b.counters.schedule = decodeNumber(e.Value)
		return nil
	case string(e.Key) == nextChannelKey:
		b.counters.channel = decodeNumber(e.Value)
		return nil
	case string(e.Key) == nextRuleKey:
		b.counters.rule = decodeNumber(e.Value)
		return nil
	case string(e.Key) == storeIDKey, string(e.Key) == restoredKey, string(e.Key) == padKey:
		return nil // this store has its own
	case e.Key[0] == joinTokenPrefix, e.Key[0] == joinTokenUsePrefix:
		return nil // it may have been used up since
	}
	return b.set(e.Key, e.Value, e.Expires)
}

func (b *rebuilding) set(key, value []byte, expires uint64) error {
	if b.sinceCheck += int64(len(key) + len(value)); b.sinceCheck > checkSpaceEvery {
		b.sinceCheck = 0
		if err := b.space.check(); err != nil {
			return err
		}
	}
	// The batch keeps both; what is given is the caller's again at the next step.
	e := badger.NewEntry(append([]byte(nil), key...), append([]byte(nil), value...))
	e.ExpiresAt = expires
	if err := b.batch.SetEntry(e); err != nil {
		return fmt.Errorf("write the store: %w", err)
	}
	return nil
}

// finish writes what this store has of its own. Repositories are counted on as
// well: an agent that keeps one from after the backup must not find another
// under its id.
func (b *rebuilding) finish(r Restored) error {
	origin, err := encodeRestored(r)
	if err != nil {
		return err
	}
	return firstError(
		b.set([]byte(nextJobKey), number(uint64(max(1, b.counters.job)+r.ahead())), 0),
		b.set([]byte(nextRepositoryKey), number(uint64(max(1, b.counters.repository)+r.ahead())), 0),
		b.set([]byte(nextScheduleKey), number(uint64(max(1, b.counters.schedule)+r.ahead())), 0),
		b.set([]byte(nextAuditKey), number(uint64(max(1, b.counters.audit)+r.ahead())), 0),
		b.set([]byte(nextChannelKey), number(uint64(max(1, b.counters.channel)+r.ahead())), 0),
		b.set([]byte(nextRuleKey), number(uint64(max(1, b.counters.rule)+r.ahead())), 0),
		b.set([]byte(storeIDKey), []byte(newStoreID()), 0),
		b.set([]byte(restoredKey), origin, 0),
	)
}
