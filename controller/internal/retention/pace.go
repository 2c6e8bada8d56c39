package retention

import (
	"context"
	"time"
)

// Between two updates it waits: for others' sake, who share one committer with it.
const (
	leastPause = 20 * time.Millisecond
	restFor    = 4 // times as long as the update took
)

// pause waits after an update that took so long.
func pause(ctx context.Context, took time.Duration) error {
	wait := time.NewTimer(max(leastPause, restFor*took))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return nil
	}
}

// paced runs an update, and waits after it.
func (k *Keeper) paced(ctx context.Context, update func() error) error {
	began := time.Now()
	if err := update(); err != nil {
		return err
	}
	return k.Pause(ctx, time.Since(began))
}
