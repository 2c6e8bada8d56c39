package main

import (
	"context"
	"errors"
	"syscall"

	"borgfleet/scripts/testenv"
)

// withoutHost: host b holds the shared location and goes away before its borg
// has touched the repository. Host a, which wants the same location, waits until
// b is known to be out of contact, and not for b.
func (t *trial) withoutHost(ctx context.Context) {
	if err := t.heal(); err != nil {
		t.problem("heal: %v", err)
		return
	}
	if err := t.settle(); err != nil {
		t.problem("not settled before a host goes away: %v", err)
		return
	}
	// A stepped clock has no monotonic part, as the machine's own has: a controller
	// that was started while it was ahead would count no silence until it is there
	// again.
	if err := errors.Join(t.controller.down(syscall.SIGKILL), t.controller.up()); err != nil {
		t.problem("restart: %v", err)
	}
	for _, h := range hosts() {
		if err := t.env.AwaitOnline(h); err != nil {
			t.problem("before a host goes away: %v", err)
		}
	}
	if err := t.takeAway(ctx); err != nil {
		t.problem("a host is away: %v", err)
	}
}

func (t *trial) takeAway(ctx context.Context) error {
	if err := t.borg["b"].hold(); err != nil {
		return err
	}
	held, err := t.post(ctx, "/api/backup/start", map[string]any{"repository": "shared-b"})
	if err != nil {
		return err
	}
	if _, err := t.env.AwaitJob(held, "is at work", func(j testenv.Job) bool { return j.Status == "running" }); err != nil {
		return err
	}
	if err := t.daemons["b"].down(syscall.SIGKILL); err != nil {
		return err
	}
	waits, err := t.post(ctx, "/api/backup/start", map[string]any{"repository": "shared-a"})
	if err != nil {
		return err
	}
	_, err = t.env.Finish(waits) // b is still away
	t.mu.Lock()
	t.asked = append(t.asked, asked{work: work{repository: "shared-b"}, id: held}, asked{work: work{repository: "shared-a"}, id: waits})
	t.mu.Unlock()
	return err
}
