package retention

import (
	"context"
	"fmt"
	"time"

	"borgfleet/controller/internal/store"
)

// sweepAudit removes old entries of the audit log, and says so in it.
func (k *Keeper) sweepAudit(ctx context.Context) error {
	if k.Policy.Audit == 0 {
		return nil
	}
	before := k.before(k.Policy.Audit)
	removed := int64(0)
	defer func() {
		if removed > 0 {
			k.Audit.Own(ctx, "removeAuditEntries", fmt.Sprintf("%d entries from before %s", removed, before.UTC().Format(time.RFC3339)))
		}
	}()
	for {
		old, err := k.Store.OldAudit(before, atATime)
		if err != nil || old.Entries() == 0 {
			return err
		}
		err = k.paced(ctx, func() error {
			return k.Store.Update(ctx, func(tx *store.Tx) error {
				tx.Urgent()
				return tx.RemoveAudit(old)
			})
		})
		if err != nil {
			return err
		}
		removed += int64(old.Entries())
		k.note(func(s *Sweep) { s.Audit += int64(old.Entries()) })
	}
}
