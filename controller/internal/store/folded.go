package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// A job that is removed is counted on: its figures go into the tallies of its
// day, in the commit that removes it, so that each job counts once, with its row
// or without it. There is an entry for each month, repository, kind and agent,
// and one for each month and kind of the whole fleet, which is what is asked for
// most: it is under no repository and no agent.
type foldedKey struct {
	month      history.Month
	repository int64
	kind       job.Kind
	agent      string
}

const foldedHead = 1 + 4 + 8 + 1 // bytes of a key before the kind

func (k foldedKey) bytes() []byte {
	b := monthKey(k.month)
	b = binary.BigEndian.AppendUint64(b, uint64(k.repository))
	b = append(b, byte(len(k.kind)))
	return append(append(b, k.kind...), k.agent...)
}

func monthKey(m history.Month) []byte {
	return binary.BigEndian.AppendUint32([]byte{foldedPrefix}, uint32(m))
}

func foldedKeyOf(b []byte) (foldedKey, bool) {
	if len(b) < foldedHead || len(b) < foldedHead+int(b[foldedHead-1]) {
		return foldedKey{}, false
	}
	rest := foldedHead + int(b[foldedHead-1])
	return foldedKey{
		month: history.Month(binary.BigEndian.Uint32(b[1:])), repository: int64(binary.BigEndian.Uint64(b[5:])),
		kind: job.Kind(b[foldedHead:rest]), agent: string(b[rest:]),
	}, true
}

// ofFleet says whether an entry is that of the whole fleet.
func (k foldedKey) ofFleet() bool { return k.repository == 0 && k.agent == "" }

func (k foldedKey) selectedBy(f history.Filter) bool {
	return (f.Kinds == nil || slices.Contains(f.Kinds, k.kind)) &&
		(f.Repositories == nil || slices.Contains(f.Repositories, k.repository)) &&
		(f.Agents == nil || slices.Contains(f.Agents, k.agent))
}

// fold counts a job that is removed.
func (tx *Tx) fold(r history.Row) error {
	day := history.DateOf(r.CreatedAt)
	k := foldedKey{month: history.MonthOf(day), kind: r.Kind}
	for _, k := range []foldedKey{k, {k.month, r.Repository, r.Kind, r.Agent}} {
		b, there, err := tx.get(k.bytes())
		if err != nil {
			return err
		}
		var month history.MonthTallies
		if there {
			if month, err = history.DecodeMonth(b); err != nil {
				return fmt.Errorf("count removed job %d: %w", r.ID, err)
			}
		}
		month.Add(k.month, day, history.TallyOf(r))
		if err := tx.set(k.bytes(), month.Encode()); err != nil {
			return err
		}
	}
	return nil
}

// Expire is Update for what removes jobs. Who sums up jobs and those that are gone
// must see each one once; this waits for them, and no other update does.
func (s *Store) Expire(ctx context.Context, fn func(*Tx) error) error {
	s.folding.Lock()
	defer s.folding.Unlock()
	return s.Update(ctx, fn)
}

// Days sums up the jobs that f selects, those that are gone with them, for each of
// n days from first on. Of jobs that are gone are known agent, repository and
// kind, and their day: a filter of anything else does not select them.
func (s *Store) Days(f history.Filter, first history.Date, n int) ([]history.Tally, error) {
	s.folding.RLock()
	defer s.folding.RUnlock()
	days := s.index.Days(f, first, n)
	if !tellsGone(f) || !f.Since.IsZero() || !f.Until.IsZero() {
		return days, nil
	}
	return days, s.addFolded(days, f, first)
}

func tellsGone(f history.Filter) bool {
	return f.Statuses == nil && f.Schedule == 0 && !f.ScheduledOnly && !f.ManualOnly
}

// Totals sums up the jobs that f selects, those that are gone with them. f.Since is
// exact for jobs that are there, and of those that are gone takes the whole day.
func (s *Store) Totals(f history.Filter) (history.Totals, error) {
	s.folding.RLock()
	defer s.folding.RUnlock()
	t := s.index.Totals(f)
	until, any := s.newestFolded()
	if !any || !tellsGone(f) || f.Since.IsZero() || !f.Until.IsZero() || until.Before(f.Since) {
		return t, nil
	}
	first := history.DateOf(f.Since)
	gone := make([]history.Tally, history.DateOf(until)-first+1)
	if err := s.addFolded(gone, f, first); err != nil {
		return t, err
	}
	for _, day := range gone {
		t.Add(day)
	}
	return t, nil
}

// newestFolded is when the newest job that is gone had ended: it was made before.
func (s *Store) newestFolded() (time.Time, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at := s.published.gone.newest
	return at, !at.IsZero()
}

// addFolded adds what is known of jobs that are gone to the days from first on.
func (s *Store) addFolded(days []history.Tally, f history.Filter, first history.Date) error {
	newest, any := s.newestFolded()
	last := min(first+history.Date(len(days))-1, history.DateOf(newest))
	if !any || last < first {
		return nil
	}
	return s.db.View(func(txn *badger.Txn) error {
		for m := history.MonthOf(first); m <= history.MonthOf(last); m++ {
			if err := addMonth(txn, days, f, first, m); err != nil {
				return fmt.Errorf("sum up removed jobs: %w", err)
			}
		}
		return nil
	})
}

func addMonth(txn *badger.Txn, days []history.Tally, f history.Filter, first history.Date, m history.Month) error {
	ofFleet := f.Repositories == nil && f.Agents == nil
	prefix := monthKey(m)
	if ofFleet {
		prefix = binary.BigEndian.AppendUint64(prefix, 0)
	}
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		k, ok := foldedKeyOf(it.Item().Key())
		if !ok || k.ofFleet() != ofFleet || !k.selectedBy(f) {
			continue
		}
		err := it.Item().Value(func(b []byte) error {
			month, err := history.DecodeMonth(b)
			for i, t := range month {
				if at := int(m.First()-first) + i; at >= 0 && at < len(days) {
					days[at] = days[at].Plus(t)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
