package audit

import (
	"context"
	"sync"

	"borgfleet/controller/internal/store"
)

// The outcomes of an entry.
const (
	Done    = "done"
	Refused = "refused"
	Failed  = "failed"   // it was begun, and did not come to its end or was taken back
	LeftOut = "left_out" // so many alike were not written one by one
)

// Outcomes are all of them.
func Outcomes() []string { return []string{Done, Refused, Failed, LeftOut} }

// Call is one request on its way. Its methods are for those who learn something
// of it; the last word counts.
type Call struct {
	note store.AuditNote

	mu         sync.Mutex // guards what follows
	changes    bool       // it is meant to change something
	credential bool       // it tried to prove who asks
	known      string     // who asks, once that is proven
	answered   bool
}

type callKey struct{}

// Of gives the call that ctx belongs to, or one that nobody will hear of.
func Of(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c
	}
	return &Call{}
}

// What names the operation, and says whether it is meant to change something.
func (c *Call) What(what string, changes bool) {
	c.note.Set(func(e *store.AuditEntry) { e.What = what })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes = changes
}

// On says what it is done to, as far as the request tells.
func (c *Call) On(on string) { c.note.Set(func(e *store.AuditEntry) { e.On = on }) }

// Presented says that the caller tries to prove something: a refusal is worth an
// entry.
func (c *Call) Presented() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.credential = true
}

// Claims says who the caller wants to be.
func (c *Call) Claims(who, via string) {
	c.note.Set(func(e *store.AuditEntry) { e.Who, e.Via = who, via })
	c.Presented()
}

// Is says who the caller is, and what has proven it.
func (c *Call) Is(who, via string) {
	c.Claims(who, via)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = via + "\x00" + who
}
