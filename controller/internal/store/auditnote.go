package store

import (
	"context"
	"sync"
)

// AuditNote is an entry that waits for the change that it is about. The first
// update which is made for its context, and which writes something, takes it
// along, if it says what is done: whoever makes the change need not know that it is written down, and
// cannot forget it.
type AuditNote struct {
	mu     sync.Mutex // guards what follows
	entry  AuditEntry
	stored bool
}

type noteKey struct{}

// WithNote has the updates for the context that it gives take n along.
func WithNote(ctx context.Context, n *AuditNote) context.Context {
	return context.WithValue(ctx, noteKey{}, n)
}

func noteOf(ctx context.Context) *AuditNote {
	n, _ := ctx.Value(noteKey{}).(*AuditNote)
	return n
}

// Set changes what is to be written.
func (n *AuditNote) Set(change func(*AuditEntry)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.entry)
}

// Get gives the entry, and whether an update has taken it along to the disk.
func (n *AuditNote) Get() (e AuditEntry, stored bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.entry, n.stored
}

// with is fn, followed by the entry if fn has changed something.
func (n *AuditNote) with(fn func(*Tx) error) func(*Tx) error {
	return func(tx *Tx) error {
		if err := fn(tx); err != nil || tx.keys == 0 {
			return err
		}
		e, stored := n.Get()
		if stored || e.What == "" { // an agent's reports are not worth one each
			return nil
		}
		if tx.on != "" {
			e.On, e.Detail = tx.on, tx.detail
		}
		tx.OnCommit(func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.entry, n.stored = e, true
		})
		return tx.Audit(e)
	}
}
