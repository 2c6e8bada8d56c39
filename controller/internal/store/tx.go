package store

import (
	"errors"
	"time"
)

// Tx is an update that is being made. It sees what was staged before it. It is
// good until the function that got it returns.
type Tx struct {
	s     *Store
	g     *group
	bytes int64
	keys  int
	err   error // of a call that returns none
	ended bool

	urgent bool

	on, detail string // of this update, for the audit log
}

var errTxEnded = errors.New("the update has ended")

// OnCommit has fn called when the update is on the disk and visible, before
// Update returns. Functions are called in the order of the updates. fn must
// neither block nor call Update.
func (tx *Tx) OnCommit(fn func()) { tx.g.onCommit = append(tx.g.onCommit, fn) }

// Urgent says that this update takes authority away from somebody. It is written
// on a disk on which nothing else is: a key that was stolen must not stay good
// because somebody has filled the disk.
func (tx *Tx) Urgent() { tx.urgent = true }

func (tx *Tx) change(c change) {
	undo := c(&tx.s.working)
	tx.g.changes = append(tx.g.changes, c)
	tx.undo(func() { undo(&tx.s.working) })
}

func (tx *Tx) undo(fn func()) { tx.g.undo = append(tx.g.undo, fn) }

func (tx *Tx) set(key, value []byte) error { return tx.stage(key, write{value: value}) }

func (tx *Tx) del(key []byte) error { return tx.stage(key, write{deleted: true}) }

func (tx *Tx) setExpiring(key, value []byte, at time.Time) error {
	return tx.stage(key, write{value: value, expires: uint64(at.Unix())})
}

func (tx *Tx) stage(key []byte, w write) error {
	if tx.ended {
		return errTxEnded
	}
	k := string(key)
	tx.bytes += cost(k, w)
	tx.keys++
	if tx.bytes > tx.s.limits.updateBytes || tx.keys > tx.s.limits.updateKeys {
		return ErrTooBig
	}
	tx.g.stage(k, w)
	return nil
}

func (tx *Tx) get(key []byte) ([]byte, bool, error) {
	if tx.ended {
		return nil, false, errTxEnded
	}
	return tx.g.get(key)
}

// Full says that so much is staged already that what else there is to do should
// be done in another update.
func (tx *Tx) Full() bool {
	return tx.bytes > tx.s.limits.updateBytes/16 || tx.keys > tx.s.limits.updateKeys/16
}
