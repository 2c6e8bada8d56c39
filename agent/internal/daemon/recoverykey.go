package daemon

// RecoveryKey gives the recovery key that the host's owner has accepted, and the
// one that the controller names. Only the first counts.
func (d *Daemon) RecoveryKey() (accepted, named string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.accepted, d.desired.recovery
}

// AskRecoveryKey is RecoveryKey as agent.yaml says it at this moment.
func (d *Daemon) AskRecoveryKey() (accepted, named string) {
	d.readAccepted()
	return d.RecoveryKey()
}

// readAccepted looks whether the owner has accepted another recovery key.
func (d *Daemon) readAccepted() {
	if d.o.Accepted == nil {
		return
	}
	now := d.o.Accepted()
	d.mu.Lock()
	changed := d.accepted != now
	d.accepted = now
	d.mu.Unlock()
	if changed {
		d.stir() // the controller shows it
	}
}
