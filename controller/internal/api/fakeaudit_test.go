package api_test

import (
	"context"
	"sync"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/store"
)

// fakeAudit hears of answers and keeps nothing.
type fakeAudit struct {
	mu      sync.Mutex
	answers []int
	entries []store.AuditEntry
	asked   store.AuditFilter
	limit   int
	err     error
}

var _ api.Audit = (*fakeAudit)(nil)

func (a *fakeAudit) Begin(ctx context.Context, _ string) context.Context { return ctx }

func (a *fakeAudit) Answer(_ context.Context, status int, _ string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers = append(a.answers, status)
}

func (a *fakeAudit) Entries(f store.AuditFilter, _ string, limit int) ([]store.AuditEntry, string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked, a.limit = f, limit
	return a.entries, "", a.err
}
