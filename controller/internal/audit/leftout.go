package audit

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"borgfleet/controller/internal/store"
)

const (
	// What is left out is counted by what it has in common, for so many kinds.
	// The rest is counted as one, and so is all but the most of it when it is
	// written.
	mostKinds    = 256
	kindsWritten = 4

	// It is written a minute after it began, and then less and less often while
	// it goes on: a host that was revoked and knocks for a year is no news.
	firstPause = time.Minute
	mostPause  = time.Hour
)

// kind is what entries that were left out have in common.
type kind struct{ who, via, from, what, outcome, code string }

// leftOut counts what was not written.
type leftOut struct {
	some chan struct{} // holds one token while there is something to write

	mu     sync.Mutex // guards counts
	counts map[kind]int64
}

func newLeftOut() *leftOut {
	return &leftOut{some: make(chan struct{}, 1), counts: map[kind]int64{}}
}

func (l *leftOut) add(e store.AuditEntry) {
	l.put(kind{who: e.Who, via: e.Via, from: e.From, what: e.What, outcome: e.Outcome, code: e.Code}, max(1, e.Count))
}

func (l *leftOut) put(k kind, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, there := l.counts[k]; !there && len(l.counts) >= mostKinds {
		k = kind{}
	}
	l.counts[k] += n
	select {
	case l.some <- struct{}{}:
	default:
	}
}

// take gives what is to be written, and begins anew.
func (l *leftOut) take() []store.AuditEntry {
	l.mu.Lock()
	counts := l.counts
	l.counts = map[kind]int64{}
	l.mu.Unlock()
	rest := counts[kind{}]
	delete(counts, kind{})
	kinds := slices.SortedFunc(maps.Keys(counts), func(a, b kind) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.from, b.from), cmp.Compare(a.who, b.who), cmp.Compare(a.what, b.what))
	})
	var out []store.AuditEntry
	for i, k := range kinds {
		if i >= kindsWritten {
			rest += counts[k]
			continue
		}
		out = append(out, store.AuditEntry{
			Who: k.who, Via: k.via, From: k.from, What: k.what, Outcome: LeftOut, Code: k.code, Detail: k.outcome, Count: counts[k],
		})
	}
	if rest > 0 {
		out = append(out, store.AuditEntry{Outcome: LeftOut, What: "several", Count: rest})
	}
	return out
}

// Run writes what was left out now and then until ctx ends, and the rest then.
func (t *Trail) Run(ctx context.Context) {
	pause, written := firstPause, time.Time{}
	for {
		select {
		case <-t.leftOut.some:
		case <-ctx.Done():
			t.flush(ctx)
			return
		}
		pause = nextPause(pause, time.Since(written))
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
		t.flush(ctx)
		written = time.Now()
	}
}

// nextPause grows while a flood goes on, and is the first one again after as
// long a quiet.
func nextPause(last, quiet time.Duration) time.Duration {
	if quiet > last {
		return firstPause
	}
	return min(2*last, mostPause)
}

// flush writes what was left out. What finds no room is counted on.
func (t *Trail) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	entries := t.leftOut.take()
	if len(entries) == 0 {
		return
	}
	err := t.opt.Store.Update(ctx, func(tx *store.Tx) error {
		for _, e := range entries {
			if err := tx.Audit(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return
	}
	t.opt.Logger.Warn("what was left out of the audit log was not stored", "err", err)
	for _, e := range entries {
		t.leftOut.put(kind{who: e.Who, via: e.Via, from: e.From, what: e.What, outcome: e.Detail, code: e.Code}, e.Count)
	}
}
