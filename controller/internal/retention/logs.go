package retention

import (
	"context"
	"slices"
	"time"

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
		if err := k.sweepLogsOf(ctx, k.before(k.Policy.Logs), always); err != nil {
			return err
		}
	}
	return k.sweepLogsOf(ctx, k.Now(), k.tooManyBytes)
}

// sweepLogsOf removes the logs of jobs that ended before a moment, the oldest
// first, as long as going says so.
func (k *Keeper) sweepLogsOf(ctx context.Context, ended time.Time, going func() bool) error {
	var before []int64
	for going() {
		ids := k.oldLogs(ended)
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

// oldLogs gives the oldest jobs that ended before a moment and have a log.
func (k *Keeper) oldLogs(ended time.Time) (ids []int64) {
	waits := k.lists()
	for o := range k.Store.Oldest(ended) {
		if !o.LogGone && o.EndedBefore(ended) && !waits[o.ID] {
			if ids = append(ids, o.ID); len(ids) == atATime {
				return ids
			}
		}
	}
	return ids
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
