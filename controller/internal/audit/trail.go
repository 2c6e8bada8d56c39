package audit

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"borgfleet/controller/internal/store"
)

// writeTime bounds how long an answer waits for its entry.
const writeTime = 5 * time.Second

// Options is what a Trail needs. All fields must be set.
type Options struct {
	Store  *store.Store
	Logger *slog.Logger
	Now    func() time.Time
}

// Trail is the audit log of one controller.
type Trail struct {
	opt     Options
	limit   *limiter
	leftOut *leftOut
}

// New makes one. Run must be called for what was left out to be written.
func New(o Options) *Trail {
	return &Trail{opt: o, limit: newLimiter(o.Now), leftOut: newLeftOut()}
}

// Begin takes a request in. Everything that is done in its name must be done with
// the context that this gives.
func (t *Trail) Begin(ctx context.Context, from string) context.Context {
	c := &Call{}
	c.note.Set(func(e *store.AuditEntry) { e.From, e.Outcome = from, Done })
	return store.WithNote(context.WithValue(ctx, callKey{}, c), &c.note)
}

// Answer writes down what has not been written with a change, before the answer
// with this HTTP status, and code if it is an error, goes out. It is for one
// answer a call.
func (t *Trail) Answer(ctx context.Context, status int, code string) {
	c := Of(ctx)
	e, stored := c.note.Get()
	c.mu.Lock()
	outcome := c.outcome(stored, status, code)
	source := c.known
	c.answered = true
	c.mu.Unlock()
	if outcome == "" {
		return
	}
	e.Outcome, e.Code = outcome, code
	if source == "" {
		source = network(e.From)
	}
	if !stored && !t.limit.allows(source) {
		t.leftOut.add(e)
		return
	}
	t.write(ctx, e)
}

// codeInterrupted is what a caller who has gone would have been told.
const codeInterrupted = "interrupted"

// outcome is what an answer comes to; empty: nothing that is to be written. The
// caller holds c.mu.
func (c *Call) outcome(stored bool, status int, code string) string {
	switch {
	case c.answered:
		return ""
	case status < 400 && (stored || !c.changes):
		return ""
	case status < 400:
		return Done
	case stored && code == codeInterrupted:
		return "" // it was done; only its caller did not hear of it
	case stored:
		return Failed // an entry says that it was done
	case c.refused(status, code):
		return Refused
	case status >= http.StatusInternalServerError && c.changes:
		return Failed // and what became of it is not known here
	}
	return ""
}

// refused: what is only wrong is no refusal, and asking without any proof is
// how everybody begins.
func (c *Call) refused(status int, code string) bool {
	switch status {
	case http.StatusForbidden:
		return true
	case http.StatusUnauthorized:
		return c.credential
	case http.StatusConflict:
		return c.changes
	}
	return code == "too_many_logins" || code == "wrong_password"
}

// write stores an entry that belongs to no change. One that finds no room must
// not take the answer with it: on a full disk an administrator logs in to
// mend that. It goes to the process's log, and is counted.
func (t *Trail) write(ctx context.Context, e store.AuditEntry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	err := t.opt.Store.Update(store.WithNote(ctx, nil), func(tx *store.Tx) error { return tx.Audit(e) })
	if err == nil {
		return
	}
	t.leftOut.add(e)
	t.opt.Logger.Warn("audit entry not stored", "who", e.Who, "via", e.Via, "from", e.From, "what", e.What, "on", e.On,
		"outcome", e.Outcome, "code", e.Code, "err", err)
}

// Own writes down what the controller did by itself.
func (t *Trail) Own(ctx context.Context, what, detail string) {
	t.write(ctx, store.AuditEntry{Who: "controller", What: what, Detail: detail, Outcome: Done})
}

// Entries reads the log, newest first.
func (t *Trail) Entries(f store.AuditFilter, cursor string, limit int) ([]store.AuditEntry, string, error) {
	return t.opt.Store.AuditLog(f, cursor, limit)
}
