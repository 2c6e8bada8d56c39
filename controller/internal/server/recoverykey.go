package server

import (
	"context"

	"borgfleet/controller/internal/recovery"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/clock"
)

// makeRecoveryKey gives a fleet that has none its recovery key. The private half
// is with a person before the public one is in the store: a start that is cut
// in between makes another one, and nothing was sealed to the first. The other
// way round everything would be sealed to a key that nobody has.
func makeRecoveryKey(ctx context.Context, o Options, st *store.Store, made *Made) error {
	if _, has := st.RecoveryKey(); has {
		return nil
	}
	key, file, err := recovery.FirstKey(o.DataDir, o.ShowRecoveryKey)
	if err != nil {
		return err
	}
	made.RecoveryKey, made.RecoveryFile = true, file
	return st.Update(ctx, func(tx *store.Tx) error {
		return tx.AddRecoveryKey(key.Recipient(), "", clock.Now().UTC())
	})
}
