package main

import (
	"path/filepath"
	"time"

	"borgfleet/scripts/faultfs"
)

// lateSync is how long a sync takes then: the verdict is not on the disk when
// the power goes.
const lateSync = 200 * time.Millisecond

// cutAtTheEnd cuts a host's power as a borg there says its last word: the
// archive is in the repository, and nothing on the host's disk says so. If none
// does within the span of a round, there is nothing to cut.
func cutAtTheEnd(t *trial, f fault) error {
	t.diskOf(f).Fail(faultfs.Faults{SlowSync: lateSync})
	before, err := t.borg[f.victim].ended()
	for end := time.Now().Add(span); err == nil && time.Now().Before(end); time.Sleep(time.Millisecond) {
		now, err := t.borg[f.victim].ended()
		if err != nil {
			return err
		}
		if now > before {
			return cutHost(t, f)
		}
	}
	return err
}

// ended counts the backups whose borg has come to its end.
func (w witness) ended() (int, error) {
	ends, err := filepath.Glob(filepath.Join(w.dir, "*.exit"))
	return len(ends), err
}
