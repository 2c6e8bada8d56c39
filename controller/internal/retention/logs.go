package retention

import (
	"context"
	"iter"
	"slices"
	"time"

	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/store"
)

// atOnce is how many logs or jobs one update removes at most.
const atOnce = 32

// atATime is how many are looked for at a time.
const atATime = 1024

// sweepLogs removes logs that are old, and of those that are too many the oldest.
// First it ends what it was at when it was stopped.
func (k *Keeper) sweepLogs(ctx context.Context) error {
	always := func() bool { return true }
	if err := k.removeLogs(ctx, k.Store.Leaving(), always); err != nil {
		return err
	}
	if k.Policy.Logs > 0 {
		before := k.before(k.Policy.Logs)
		if err := k.sweepLogsOf(ctx, func() []int64 { return k.oldLogs(before) }, always); err != nil {
			return err
		}
	}
	return k.sweepLogsOf(ctx, k.oldestLogs, k.tooManyBytes)
}

// sweepLogsOf removes the logs that find gives, some at a time, as long as going
// says so.
func (k *Keeper) sweepLogsOf(ctx context.Context, find func() []int64, going func() bool) error {
	var before []int64
	for going() {
		ids := find()
		if len(ids) == 0 || slices.Equal(ids, before) {
			return nil // what cannot be removed now is looked at in the next sweep
		}
		before = ids
		if err := k.removeLogs(ctx, ids, going); err != nil {
			return err
		}
	}
	return nil
}

// oldLogs gives some jobs whose logs have been kept from before a moment.
func (k *Keeper) oldLogs(moment time.Time) (ids []int64) {
	for o := range k.logs(moment) {
		if ids = append(ids, o.ID); len(ids) == atATime {
			break
		}
	}
	return ids
}

// oldestLogs gives the jobs whose logs have been kept longest. That is not the order
// in which they are found, which goes by when they were made as their hosts say.
func (k *Keeper) oldestLogs() (ids []int64) {
	var oldest []history.Old
	cut := func() {
		slices.SortStableFunc(oldest, func(a, b history.Old) int {
			return keptFrom(a.EndedAt, a.RecordedAt).Compare(keptFrom(b.EndedAt, b.RecordedAt))
		})
		oldest = oldest[:min(len(oldest), atATime)]
	}
	for o := range k.logs(k.Now()) {
		if oldest = append(oldest, o); len(oldest) == 2*atATime {
			cut()
		}
	}
	cut()
	for _, o := range oldest {
		ids = append(ids, o.ID)
	}
	return ids
}

// logs goes through the jobs whose logs have been kept from before a moment.
func (k *Keeper) logs(moment time.Time) iter.Seq[history.Old] {
	return func(yield func(history.Old) bool) {
		waits := k.lists()
		for o := range k.Store.Oldest(moment) {
			if !o.LogGone && logOver(o, moment) && !waits[o.ID] && !yield(o) {
				return
			}
		}
	}
}

// lists are the jobs whose logs are still to be read for the catalogue.
func (k *Keeper) lists() map[int64]bool {
	waits := map[int64]bool{}
	for _, l := range k.Store.NewLists() {
		waits[l.Job] = true
	}
	return waits
}

// removeLogs removes these logs, each one whole, as long as going says so.
func (k *Keeper) removeLogs(ctx context.Context, ids []int64, going func() bool) error {
	for len(ids) > 0 && going() {
		found, err := k.findLogs(ids)
		if err != nil {
			return err
		}
		n := 0
		err = k.paced(ctx, func() error {
			return k.Store.Update(ctx, func(tx *store.Tx) (err error) {
				n, err = removeSome(tx, found)
				return err
			})
		})
		if err != nil {
			return err
		}
		ids = ids[k.removed(found[:n]):]
	}
	return nil
}

// findLogs looks for the first of the logs.
func (k *Keeper) findLogs(ids []int64) (found []store.OldLog, err error) {
	for _, id := range ids[:min(len(ids), atOnce)] {
		l, _, err := k.Store.OldLog(id)
		if err != nil {
			return nil, err
		}
		found = append(found, l)
	}
	return found, nil
}

// removeSome removes as many of them as should be removed in one update.
func removeSome(tx *store.Tx, found []store.OldLog) (n int, err error) {
	tx.Urgent() // what makes room must not wait for room
	for _, l := range found {
		if n > 0 && tx.Full() {
			break
		}
		if err := tx.RemoveLog(l); err != nil {
			return n, err
		}
		n++
		if l.More() {
			break
		}
	}
	return n, nil
}

// removed counts what an update has removed, and gives how many of the logs need
// nothing more.
func (k *Keeper) removed(found []store.OldLog) (whole int) {
	k.note(func(s *Sweep) {
		for _, l := range found {
			s.LogBytes += l.Bytes()
			if l.More() {
				return // the rest is the next thing to do
			}
			whole++
			if l.Bytes() > 0 {
				s.Logs++
			}
		}
	})
	return whole
}
