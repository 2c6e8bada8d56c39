package deliver

import (
	"context"
	"errors"
	"log/slog"
	"strings"
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

	mu     sync.Mutex
	next   time.Time // of the next try; zero: none is put off; guarded by mu
	oldest time.Time // when the first that waits happened; zero: none waits; guarded by mu
}

func (l *line) run(ctx context.Context) {
	failures, size := 0, l.most()
	if l.broken != nil && ctx.Err() == nil {
		l.note(ctx, l.broken) // people learn that before something is to be told
	}
	for ctx.Err() == nil {
		waits, err := l.post.Store.Waiting(l.channel.ID, size)
		if err == nil && len(waits) == 0 {
			l.setOldest(time.Time{})
			l.idle(ctx)
			continue
		}
		if err == nil {
			l.setOldest(waits[0].At)
			err = l.deliver(ctx, waits)
		}
		if err == nil {
			failures, size = 0, min(2*size, l.most())
			continue
		}
		if ctx.Err() != nil {
			return // the controller stops, or the channel is changed: nobody has failed
		}
		failures, size = failures+1, 1 // what the receiver minds may be the size
		l.failed(ctx, failures, err)
	}
}

// idle waits until something is to be told, and for what comes with it.
func (l *line) idle(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-l.wake:
	}
	if l.most() > 1 {
		pause(ctx, l.post.Gather, l.kick)
	}
}

// most is how many are told in one message.
func (l *line) most() int {
	if l.carrier == nil {
		return 1
	}
	return l.carrier.most()
}

// rest waits until a carrier that cannot be broken off is done.
func (l *line) rest(ctx context.Context) {
	if c, ok := l.carrier.(interface{ rest(context.Context) }); ok {
		c.rest(ctx)
	}
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
	l.post.tally(l.channel.ID, func(t *Tally) { t.Tries++; t.Delivered += int64(len(events)) })
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
	out := &refused{what: l.settings.masked(l.plain(err))}
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
	l.post.tally(l.channel.ID, func(t *Tally) { t.Tries++; t.Failures++ })
	l.note(ctx, err)
	wait := l.post.Backoff.after(failures, asked)
	l.putOff(l.post.Now().Add(wait))
	pause(ctx, wait, l.kick)
	l.putOff(time.Time{})
}

// note has people see why a channel does not deliver.
func (l *line) note(ctx context.Context, why error) {
	text := cut(why.Error())
	if err := l.post.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.DeliveryFailed(l.channel.ID, text, l.post.Now().UTC())
	}); err != nil && ctx.Err() == nil {
		l.log.Error("note a notification that is not delivered", "err", err)
	}
}

func (l *line) setOldest(at time.Time) {
	l.mu.Lock()
	l.oldest = at
	l.mu.Unlock()
}

func (l *line) putOff(until time.Time) {
	l.mu.Lock()
	l.next = until
	l.mu.Unlock()
}

// times are when it tries again, and since when something waits.
func (l *line) times() (next, oldest time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next, l.oldest
}

// mostError of an error is kept.
const mostError = 500

func cut(s string) string {
	if len(s) > mostError {
		s = strings.ToValidUTF8(s[:mostError], "") + "…"
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
