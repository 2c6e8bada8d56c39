package jobdir

import (
	"fmt"
	"time"
)

// run syncs beside the drain, at most every syncEvery.
func (j *Journal) run() {
	defer close(j.done)
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
		}
		select {
		case <-j.stop:
			return
		case <-time.After(syncEvery):
		}
	}
}

// Sync puts all that was appended before the call on the disk, and tells
// readers so.
func (j *Journal) Sync() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()

	j.mu.Lock()
	next, cur, full := j.next, j.cur, j.unsynced
	dirty := next > j.synced
	j.unsynced = nil
	j.mu.Unlock()
	if !dirty {
		return nil
	}
	if err := j.syncAll(cur, full); err != nil {
		j.mu.Lock()
		j.unsynced = append(full, j.unsynced...)
		j.mu.Unlock()
		return fmt.Errorf("sync journal: %w", err)
	}
	for _, s := range full {
		s.Close()
	}
	// Only now, and only up to what was appended before the sync began.
	if _, err := j.mark.WriteAt(encodeSynced(next), 0); err != nil {
		return fmt.Errorf("publish synced journal number: %w", err)
	}
	j.mu.Lock()
	j.synced = next
	j.mu.Unlock()
	return nil
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
	for _, s := range j.unsynced {
		s.Close()
	}
	j.mark.Close()
	return err
}
