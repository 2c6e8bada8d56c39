package deliver

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"log/slog"
	"sync"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// Options is what a Post needs. Store, Logger and Now must be set.
type Options struct {
	Store   *store.Store
	Key     Key
	Logger  *slog.Logger
	Now     func() time.Time
	Backoff Backoff       // zero: the documented one
	Gather  time.Duration // what comes so soon after another goes to people with it; 0: 3 s
	Timeout time.Duration // of one message; 0: 30 s
	TLS     *tls.Config   // nil: the machine's authorities
	Rand    io.Reader     // nil: crypto/rand
	// LogShown says whether the log of a job that ended so can be read: people are
	// sent to no other. nil: each can.
	LogShown func(job.Status) bool
}

const (
	defaultTimeout = 30 * time.Second
	// defaultGather: what has one cause comes together, such as ten thousand hosts that
	// are away. One message tells that better than many.
	defaultGather = 3 * time.Second
)

// Post has the channels and the rules, and delivers.
type Post struct {
	Options
	outside outside

	changed chan struct{} // a channel is another one than before

	all sync.WaitGroup // the lines, also those that end

	mu      sync.Mutex
	lines   map[int64]*running // guarded by mu
	tallies map[int64]*Tally   // guarded by mu, and so is what it points to
}

// Tally is what a channel has tried since the controller's start.
type Tally struct {
	Delivered int64 // notifications
	Tries     int64 // messages that went well or not, tests left out
	Failures  int64 // of these
}

type running struct {
	*line
	end    context.CancelFunc
	done   chan struct{}
	before *running // the one before it, which may have a send on its way; nil: none has; of its goroutine until done
}

// New makes a Post. Run delivers.
func New(o Options) *Post {
	if o.Backoff == (Backoff{}) {
		o.Backoff = DefaultBackoff()
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Gather == 0 {
		o.Gather = defaultGather
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.TLS == nil {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return &Post{
		Options: o, outside: newOutside(o.TLS, o.Timeout, o.LogShown), changed: make(chan struct{}, 1),
		lines: map[int64]*running{}, tallies: map[int64]*Tally{},
	}
}

// Run delivers until ctx ends. What is on its way then is broken off, and delivered
// by the next Run.
func (p *Post) Run(ctx context.Context) {
	defer p.outside.http.CloseIdleConnections()
	defer p.stop()
	for {
		p.tend(ctx)
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		case <-p.Store.NotificationsWait():
		}
	}
}

// tend has one line for each channel, as it is set now, and wakes them. It waits for
// none: a receiver that hangs keeps only its own channel.
func (p *Post) tend(ctx context.Context) {
	channels := map[int64]store.Channel{}
	for _, c := range p.Store.Channels() {
		channels[c.ID] = c
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before := map[int64]*running{}
	for id, r := range p.lines {
		if c, there := channels[id]; !there || string(c.Sealed) != string(r.channel.Sealed) {
			r.end()
			before[id] = r
			delete(p.lines, id)
		}
	}
	for id, c := range channels {
		if p.lines[id] == nil {
			p.lines[id] = p.begin(ctx, c, before[id])
		}
		signal(p.lines[id].wake)
	}
}

// begin starts a line when the one before it has ended: two lines of a channel would
// deliver the same, and out of order.
func (p *Post) begin(ctx context.Context, c store.Channel, before *running) *running {
	ctx, end := context.WithCancel(ctx)
	r := &running{line: p.line(c), end: end, done: make(chan struct{}), before: before}
	p.all.Go(func() {
		defer close(r.done)
		if before != nil {
			<-before.done
			r.waitForOlder(ctx)
		}
		r.run(ctx)
	})
	return r
}

// waitForOlder waits, for a while, until no line before this one has a send on its way.
// If this one is to end meanwhile, the next one waits for all of them.
func (r *running) waitForOlder(ctx context.Context) {
	patient, cancel := context.WithTimeout(ctx, r.post.Timeout)
	defer cancel()
	for old := r.before; old != nil; old = old.before {
		old.rest(patient)
	}
	if ctx.Err() == nil {
		r.before = nil
	}
}

func (p *Post) line(c store.Channel) *line {
	l := &line{
		channel: c, post: p, log: p.Logger.With("channel", c.ID, "name", c.Name),
		wake: make(chan struct{}, 1), kick: make(chan struct{}, 1),
	}
	if l.settings, l.broken = p.Key.open(c.ID, c.Type, c.Sealed); l.broken == nil {
		l.carrier, l.broken = p.outside.carrier(c.Type, l.settings, p.Now)
	}
	return l
}

func (p *Post) stop() {
	p.mu.Lock()
	for id, r := range p.lines {
		r.end()
		delete(p.lines, id)
	}
	p.mu.Unlock()
	p.all.Wait()
}

// tally counts what came of a message.
func (p *Post) tally(channel int64, count func(*Tally)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tallies[channel] == nil {
		p.tallies[channel] = &Tally{}
	}
	count(p.tallies[channel])
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
