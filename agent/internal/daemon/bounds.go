package daemon

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	"borgfleet/shared/wire"
)

// What a controller can make a host hold, whatever it sends. The controller as
// it should be stays far below: it orders what may start, and nothing in stock.
const (
	mostOpen        = 256                  // jobs that have not ended
	mostKept        = 4000                 // jobs in all
	mostSpecBytes   = 64 << 20             // of the specs of all of them, which are in memory too
	mostDeadline    = 366 * 24 * time.Hour // a directory stays until its deadline is over
	mostDefinitions = 1000                 // repositories
	mostDesired     = 8 << 20              // bytes of all definitions
	mostAhead       = 1 << 20              // journal numbers that the controller has and this host lost
	besideAtOnce    = 8                    // job processes of kinds that need no slot of the host
)

// bounded says why an order is more than the host takes on.
func (d *Daemon) bounded(spec job.Spec, now time.Time) error {
	if n := proto.Size(wire.FromSpec(spec)); n > job.MaxSpec {
		return fmt.Errorf("its spec has %d bytes, and %d are the most", n, job.MaxSpec)
	}
	if spec.StartDeadline.Sub(now) > mostDeadline {
		return fmt.Errorf("its start deadline is more than a year away")
	}
	open, kept, bytes := d.stock()
	switch {
	case open >= mostOpen:
		return fmt.Errorf("%w: %d that have not ended are on it already", ErrFull, open)
	case kept >= mostKept || bytes >= mostSpecBytes:
		return fmt.Errorf("%w: %d are on it already, with %d bytes to say what they are", ErrFull, kept, bytes)
	}
	return nil
}

func (d *Daemon) stock() (open, kept, bytes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.jobs {
		bytes += t.size
		if !t.over && !t.dir.Ended() {
			open++
		} else {
			t.over = true // for ever: no file has to be looked at again
		}
	}
	return open, len(d.jobs), bytes
}

// specSize is what a job's spec takes, on disk and about as much in memory.
func specSize(dir *jobdir.Dir) int { return proto.Size(wire.FromSpec(dir.Spec())) }

// acknowledge notes what the controller holds of a job's journal. It may be more
// than this host does, whose disk was put back; the journal goes on behind it.
// But each number has its record: who names a number far away would be sent
// records for as long.
func (d *Daemon) acknowledge(dir *jobdir.Dir, next uint64) error {
	if next > mostAhead {
		have, err := dir.JournalNext()
		if err != nil {
			return err
		}
		if next-mostAhead > have {
			d.log.Warn("the controller says that it has more of a job's log than there can be", "job", dir.Key(), "next", next, "here", have)
			return nil
		}
	}
	return dir.SetAcked(next)
}
