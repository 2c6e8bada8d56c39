package auth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"borgfleet/controller/internal/store"
)

const (
	// useEvery is how often the last uses of API tokens are written: a program
	// may call many times a second.
	useEvery = time.Hour

	// useAtOnce keeps an update small.
	useAtOnce = 1000

	stopTime = 5 * time.Second
)

func (p *People) noteUse(id string) {
	now := p.opt.Now().UTC()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used[id] = now
}

// lastUse is the later of what is kept and what is in memory.
func (p *People) lastUse(t store.APIToken) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.used[t.ID]; at.After(t.LastUsedAt) {
		return at
	}
	return t.LastUsedAt
}

// Run writes the last uses of API tokens now and then until ctx ends, and what
// is left then.
func (p *People) Run(ctx context.Context) {
	tick := time.NewTicker(useEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.tryKeepUses(ctx)
		case <-ctx.Done():
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
			defer cancel()
			p.tryKeepUses(stop)
			return
		}
	}
}

func (p *People) tryKeepUses(ctx context.Context) {
	if err := p.keepUses(ctx); err != nil {
		p.opt.Logger.Warn("the last uses of API tokens were not kept", "err", err)
	}
}

// keepUses writes what is in memory. What was used meanwhile stays for the next
// time, and so does everything after an error.
func (p *People) keepUses(ctx context.Context) error {
	p.mu.Lock()
	used := make(map[string]time.Time, len(p.used))
	ids := make([]string, 0, len(p.used))
	for id, at := range p.used {
		used[id] = at
		ids = append(ids, id)
	}
	p.mu.Unlock()
	for part := range slices.Chunk(ids, useAtOnce) {
		err := p.opt.Store.Update(ctx, func(tx *store.Tx) error { return putUses(tx, part, used) })
		if err != nil {
			return fmt.Errorf("keep last uses: %w", err)
		}
		p.forgetUses(part, used)
	}
	return nil
}

func putUses(tx *store.Tx, ids []string, used map[string]time.Time) error {
	for _, id := range ids {
		t, there := tx.APIToken(id)
		if !there || !used[id].After(t.LastUsedAt) {
			continue
		}
		t.LastUsedAt = used[id]
		if err := tx.PutAPIToken(t); err != nil {
			return err
		}
	}
	return nil
}

func (p *People) forgetUses(ids []string, kept map[string]time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		if p.used[id].Equal(kept[id]) {
			delete(p.used, id)
		}
	}
}
