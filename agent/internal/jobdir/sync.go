package jobdir

import (
	"errors"
	"fmt"
	"time"
)

// run syncs beside the drain, at most every syncEvery, and less often on a disk
// that refuses: each further try writes all that is not synced.
func (j *Journal) run() {
	defer close(j.done)
	pause := syncEvery
	for {
		select {
		case <-j.stop:
			return
		case <-j.wake:
		}
		if err := j.Sync(); err != nil {
			j.mu.Lock()
			j.err = err
			j.mu.Unlock()
			j.poke() // again, after the pause
			pause = min(2*pause, syncAtMost)
		} else {
			pause = syncEvery
		}
		select {
		case <-j.stop:
			return
		case <-time.After(pause):
		}
	}
}

// Sync puts all that was appended before the call on the disk, and tells
// readers so.
func (j *Journal) Sync() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()

	j.mu.Lock()
	if j.doubtful && j.cur != nil { // what comes next is not written behind it
		j.unsynced, j.cur = append(j.unsynced, j.cur), nil
	}
	next, cur, full, doubtful, synced := j.next, j.cur, j.unsynced, j.doubtful, j.synced
	j.unsynced = nil
	j.mu.Unlock()
	if next <= synced {
		return closeSegments(full)
	}
	var err error
	if doubtful {
		err = j.writeAgain(synced, next)
	} else {
		err = j.syncAll(cur, full)
	}
	if err != nil {
		j.mu.Lock()
		j.doubtful, j.unsynced = true, append(full, j.unsynced...)
		j.mu.Unlock()
		return fmt.Errorf("sync journal: %w", err)
	}
	_ = closeSegments(full) // it is on the disk
	return j.publish(next)
}

// publish lets readers have everything below next: only now, and only up to what
// was appended before the sync began.
func (j *Journal) publish(next uint64) error {
	j.mu.Lock()
	j.doubtful = false
	j.mu.Unlock()
	if _, err := j.mark.WriteAt(encodeSynced(next), 0); err != nil {
		return fmt.Errorf("publish synced journal number: %w", err)
	}
	j.mu.Lock()
	j.synced = next
	j.mu.Unlock()
	return nil
}

func closeSegments(segments []segment) error {
	var errs []error
	for _, s := range segments {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func (j *Journal) syncAll(cur segment, full []segment) error {
	for _, s := range full {
		if err := s.syncData(); err != nil {
			return err
		}
	}
	if cur != nil {
		if err := cur.syncData(); err != nil {
			return err
		}
	}
	return j.syncNames()
}

// syncNames makes new segments' names durable; there are few of them.
func (j *Journal) syncNames() error {
	j.mu.Lock()
	first, named := j.first, j.named
	j.mu.Unlock()
	if first == named {
		return nil
	}
	if err := j.store.syncDir(); err != nil {
		return err
	}
	j.mu.Lock()
	j.named = first
	j.mu.Unlock()
	return nil
}

// Close writes down what was lost, syncs, and ends the journal.
func (j *Journal) Close() error {
	j.FlushGaps()
	close(j.stop)
	<-j.done
	err := j.Sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cur != nil {
		j.cur.Close()
	}
	_ = closeSegments(j.unsynced)
	j.mark.Close()
	return err
}
