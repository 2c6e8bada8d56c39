package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// lookEvery is how often it is looked whether the directory is still there: nobody
	// may have anything to write for a long time.
	lookEvery = 2 * time.Second

	// stuckAfter is how long Badger may fail to write a table. It tries for ever, each
	// flushPause; what was done meanwhile is in its log, which the next start reads.
	stuckAfter = 10 * time.Second
	flushPause = time.Second

	// letGo is how long a store that has failed is waited for, and each of its
	// updates: a write that hangs in Badger never ends.
	letGo = 3 * time.Second
)

// flushes knows since when Badger fails to write a table.
type flushes struct {
	mu          sync.Mutex // guards what follows
	patience    time.Duration
	since, last time.Time // of the failures that followed one another
	cause       error
}

// failedAt notes a failure. One that comes long after the one before has begun anew.
func (f *flushes) failedAt(now time.Time, cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.since.IsZero() || now.Sub(f.last) > 5*flushPause {
		f.since = now
	}
	f.last, f.cause = now, cause
}

// stuck says why no table was written for too long; nil: nothing says so.
func (f *flushes) stuck() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last.Sub(f.since) < f.patience || f.cause == nil {
		return nil
	}
	return f.cause
}

// flushLog is Badger's log, and hears from it what Badger tells nobody else.
type flushLog struct {
	badgerLog
	flushes *flushes
}

// flushTalk is how Badger's word for it begins. If another version says it otherwise,
// TestATableThatCannotBeWritten fails.
const flushTalk = "error flushing memtable to disk"

func (l flushLog) Errorf(format string, args ...any) {
	if strings.HasPrefix(format, flushTalk) {
		l.flushes.failedAt(time.Now(), errors.New(strings.TrimSpace(fmt.Sprintf(format, args...))))
	}
	l.badgerLog.Errorf(format, args...)
}

// watch ends the writing when the directory is gone or Badger can go no further,
// until stop.
func (s *Store) watch(stop <-chan struct{}) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	usable := true
	for {
		select {
		case <-stop:
			return
		case <-s.failedCh:
			return
		case <-tick.C:
			if cause := s.flushes.stuck(); cause != nil {
				s.fail(errFailed(s.dir.path, cause))
			}
			err := s.here()
			if err != nil && usable && s.Err() == nil { // said once
				s.opt.Logger.Error("the store cannot be written", "err", err)
			}
			usable = err == nil
		}
	}
}

// within does what may hang once the store has failed, and says whether it ended.
func (s *Store) within(do func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
		return true
	case <-s.failedCh:
	}
	return endsWithin(done, letGo)
}

func endsWithin(done <-chan struct{}, d time.Duration) bool {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-done:
		return true
	case <-wait.C:
		return false
	}
}
