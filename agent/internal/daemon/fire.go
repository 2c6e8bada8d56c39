package daemon

import (
	"errors"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// ErrFull says that the host takes on no more jobs until some have ended or gone.
var ErrFull = errors.New("the host has too many jobs")

// Fire makes a job whose key says what it is for: nothing happens if it has been
// made before. It takes its place in the queue like every other, and a host that
// drains keeps it until the drain has ended.
func (d *Daemon) Fire(key job.Key, spec job.Spec) error {
	if _, there := d.get(key); there {
		return nil
	}
	if err := d.bounded(spec, d.o.Now()); err != nil {
		return err
	}
	dir, err := jobdir.Create(d.o.State.Jobs(), key, spec, job.PhaseAnnounced)
	if errors.Is(err, jobdir.ErrExists) {
		_, err = d.takeUp(key)
		return err
	}
	if err != nil {
		return err
	}
	d.add(dir)
	return nil
}

// Turn receives when schedules or jobs have changed.
func (d *Daemon) Turn() <-chan struct{} { return d.turn }

func (d *Daemon) turnSoon() {
	select {
	case d.turn <- struct{}{}:
	default:
	}
}

// Stir makes the link look whether there is something to say.
func (d *Daemon) Stir() { d.stir() }
