package deliver

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
)

// line is the sender of one channel.
type line struct {
	channel  store.Channel
	settings Settings
	carrier  carrier // nil: it cannot be made, see broken
	broken   error
	post     *Post
	log      *slog.Logger

	wake chan struct{} // something may wait
	kick chan struct{} // a person wants it to try now

	mu   sync.Mutex
	next time.Time // of the next try; zero: none is put off; guarded by mu
}

func (l *line) run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		waits, err := l.post.Store.Waiting(l.channel.ID, l.batch(failures))
		if err == nil && len(waits) == 0 {
			select {
			case <-ctx.Done():
			case <-l.wake:
			}
			continue
		}
		if err == nil {
			err = l.deliver(ctx, waits)
		}
		if err == nil {
			failures = 0
			continue
		}
		if ctx.Err() != nil {
			return // the controller stops: nobody has failed
		}
		failures++
		l.failed(ctx, failures, err)
	}
}

// batch is how many are told in one message. After a failure it is one: what the
// receiver minds may be the size.
func (l *line) batch(failures int) int {
	if failures > 0 || l.carrier == nil {
		return 1
	}
	return l.carrier.most()
}

// deliver carries what waits, and takes it out of the store. A crash between the two
// has it delivered again, with the same ids.
func (l *line) deliver(ctx context.Context, waits []store.Notification) error {
	events := make([]notify.Event, 0, len(waits))
	for _, n := range waits {
		e, err := notify.Read(n)
		if err != nil {
			return err
		}
		events = append(events, e)
	}
	if _, err := l.carry(ctx, events); err != nil {
		return err
	}
	last := waits[len(waits)-1]
	ending := ctx
	ctx = context.WithoutCancel(ctx) // a stop need not have it delivered twice
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := l.post.Store.Update(ctx, func(tx *store.Tx) error {
			return tx.Delivered(l.channel.ID, last, l.post.Now().UTC())
		})
		if err == nil || ending.Err() != nil {
			return err
		}
		// The disk is full, it may be: to send it all again meanwhile helps nobody.
		l.log.Error("a notification was delivered, and that cannot be noted", "err", err)
		if !pause(ending, wait, nil) {
			return ending.Err()
		}
	}
}

func (l *line) carry(ctx context.Context, events []notify.Event) (string, error) {
	if l.carrier == nil {
		return "", l.broken
	}
	ctx, cancel := context.WithTimeout(ctx, l.post.Timeout)
	defer cancel()
	answer, err := l.carrier.carry(ctx, events)
	if err == nil {
		return l.settings.masked(answer), nil
	}
	r, asked := errors.AsType[*refused](err)
	out := &refused{what: l.settings.masked(err.Error())}
	if asked {
		out.after = r.after
	}
	return "", out
}

// failed notes why, and waits.
func (l *line) failed(ctx context.Context, failures int, err error) {
	var asked time.Duration
	if r, ok := errors.AsType[*refused](err); ok {
		asked = r.after
	}
	if failures == 1 {
		l.log.Warn("a notification is not delivered", "err", err)
	}
	why := cut(err.Error())
	if err := l.post.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.DeliveryFailed(l.channel.ID, why, l.post.Now().UTC())
	}); err != nil && ctx.Err() == nil {
		l.log.Error("note a notification that is not delivered", "err", err)
	}
	wait := l.post.Backoff.after(failures, asked)
	l.putOff(l.post.Now().Add(wait))
	pause(ctx, wait, l.kick)
	l.putOff(time.Time{})
}

func (l *line) putOff(until time.Time) {
	l.mu.Lock()
	l.next = until
	l.mu.Unlock()
}

func (l *line) nextTry() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// mostError of an error is kept.
const mostError = 500

func cut(s string) string {
	if len(s) > mostError {
		s = s[:mostError] + "…"
	}
	return s
}

// pause waits; false: ctx has ended.
func pause(ctx context.Context, d time.Duration, kick <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-kick:
	case <-timer.C:
	}
	return true
}
