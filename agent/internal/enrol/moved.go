package enrol

import (
	"borgfleet/agent/internal/state"
)

// Moved gives a state directory to the machine that it is on now. Identity and
// state id stay: it is the same history. The machine's id is part of
// BORG_HOST_ID, so it must change: what another machine locked is not this
// one's to call stale.
func Moved(d state.Dir, machineID func() (string, error)) (state.Identity, error) {
	id, err := d.Identity() // first: Lock makes a file
	if err != nil {
		return id, err
	}
	lock, err := d.Lock()
	if err != nil {
		return id, err
	}
	defer lock.Close()
	if id.MachineID, err = state.MachineIDOrNew(machineID); err != nil {
		return id, err
	}
	return id, d.SaveIdentity(id)
}
