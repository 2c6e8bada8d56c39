package daemon

import (
	"path/filepath"

	"borgfleet/agent/internal/jobdir"
)

// readAgain looks whether directories that could not be read can be now. Their
// jobs may have a borg at work, or a verdict that the controller waits for, and
// a disk's trouble may pass long before the next start of the agent.
func (d *Daemon) readAgain() {
	for _, key := range d.Damaged() {
		dir, err := jobdir.Open(filepath.Join(d.o.State.Jobs(), key.String()))
		if err != nil {
			continue // said at the start
		}
		d.log.Info("a damaged job directory can be read again", "job", key)
		d.add(dir)
	}
}
