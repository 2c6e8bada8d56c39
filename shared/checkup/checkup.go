// Package checkup looks at whether an installation is sound: a list of checks,
// what each found, and what a person can do about it.
package checkup

import (
	"context"
	"fmt"
	"time"
)

// State is what came of a check. The words are part of the interface: scripts
// compare them.
type State string

const (
	OK      State = "ok"
	Warn    State = "warning" // it works, and somebody should look at it
	Fail    State = "failed"  // it does not work
	Skipped State = "skipped"
)

// Finding is what a check found.
type Finding struct {
	State   State
	Message string
	Todo    string // for what is not ok: what to do, with the exact command
}

// Good is a finding that all is well.
func Good(format string, args ...any) Finding {
	return Finding{State: OK, Message: fmt.Sprintf(format, args...)}
}

// Warning is a finding that somebody should look at.
func Warning(todo, format string, args ...any) Finding {
	return Finding{State: Warn, Message: fmt.Sprintf(format, args...), Todo: todo}
}

// Bad is a finding that something does not work.
func Bad(todo, format string, args ...any) Finding {
	return Finding{State: Fail, Message: fmt.Sprintf(format, args...), Todo: todo}
}

// Skip is why nothing was looked at.
func Skip(format string, args ...any) Finding {
	return Finding{State: Skipped, Message: fmt.Sprintf(format, args...)}
}

// Check is one thing to look at.
type Check struct {
	ID      string // stable, for scripts
	Title   string
	Subject string // which of several, such as a repository; may be empty
	Run     func(context.Context) Finding
	Limit   time.Duration // 0: usualLimit
}

// Result is a finding with what was looked at, as -o json shows it.
type Result struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Subject string `json:"subject"`
	State   State  `json:"state"`
	Message string `json:"message"`
	Todo    string `json:"what_to_do"`
}

// usualLimit is how long a check may take.
const usualLimit = 10 * time.Second

// atOnce is how many checks run side by side.
const atOnce = 8

// Run carries checks out side by side, and calls each for every result, in the
// order of the checks. It ends early with ctx, or with an error of each.
func Run(ctx context.Context, checks []Check, each func(Result) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	found := make([]chan Finding, len(checks))
	slots := make(chan struct{}, atOnce)
	for i, c := range checks {
		found[i] = make(chan Finding, 1)
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[i] <- c.Bounded(ctx)
		}()
	}
	for i, c := range checks {
		f := <-found[i]
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := each(Result{ID: c.ID, Title: c.Title, Subject: c.Subject, State: f.State, Message: f.Message, Todo: f.Todo}); err != nil {
			return err
		}
	}
	return nil
}

// Bounded runs a check, but not for ever. One that hangs in the kernel, as on a
// dead network file system, is left behind.
func (c Check) Bounded(ctx context.Context) Finding {
	limit := c.Limit
	if limit == 0 {
		limit = usualLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan Finding, 1)
	go func() { done <- c.Run(ctx) }()
	select {
	case f := <-done:
		return f
	case <-ctx.Done():
	}
	// A check that heeds ctx has a better word than this one.
	select {
	case f := <-done:
		return f
	case <-time.After(heed):
		return Bad("look for a disk or a server that does not answer (dmesg | tail), then try again", "no answer within %s", limit)
	}
}

// heed is how long a check has to say why it was too slow.
const heed = time.Second
