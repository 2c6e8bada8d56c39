package store

import "time"

// NotePing writes something that nobody reads: that it is on the disk is what the
// caller wants to know.
func (tx *Tx) NotePing(at time.Time) error {
	return tx.set([]byte(pingKey), number(uint64(at.UnixNano())))
}
