package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// enrolling is how many hosts enrol, or connect for the first time, at once.
const enrolling = 64

// fleet is all simulated hosts.
type fleet struct {
	o      options
	url    string // of the controller's agent listener
	bootID string
	hosts  []*host
	books  *books

	figures  figures
	refusals refusals
	attempts atomic.Int64 // to connect
	online   atomic.Int64 // hosts
	over     atomic.Bool  // no schedule fires any more: the script ends

	freed   chan *host // their backup is over, and acknowledged
	cancels chan int64 // jobs that a person wants cancelled

	stop context.CancelFunc
	runs sync.WaitGroup
}

func newFleet(o options, url string) *fleet {
	f := &fleet{
		o: o, url: url, bootID: uuid.NewString(), books: newBooks(),
		freed: make(chan *host, 1<<20), cancels: make(chan int64, 1<<20),
	}
	for n := range o.agents {
		f.hosts = append(f.hosts, newHost(f, n))
	}
	return f
}

// wrong writes down what a controller must not do.
func (f *fleet) wrong(format string, args ...any) { f.books.wrong(fmt.Sprintf(format, args...)) }

func (f *fleet) ended(h *host) { f.freed <- h }

func (f *fleet) wantCancelled(id int64) { f.cancels <- id }

// enrol gives each host its identity. It tells how many are new.
func (f *fleet) enrol(ctx context.Context, token func(n int) (string, error)) (fresh int, err error) {
	if err := keepIdentities(f.o.identities); err != nil {
		return 0, err
	}
	text := ""
	for n := 0; n < len(f.hosts); n += usesPerToken {
		if text, err = token(usesPerToken); err != nil {
			return fresh, err
		}
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(enrolling)
		var made atomic.Int64
		for _, h := range f.hosts[n:min(n+usesPerToken, len(f.hosts))] {
			g.Go(func() error {
				enrolled, err := h.identify(ctx, text)
				if enrolled {
					made.Add(1)
				}
				return err
			})
		}
		err := g.Wait()
		fresh += int(made.Load())
		if err != nil {
			return fresh, err
		}
	}
	return fresh, nil
}

// usesPerToken is as many as a token can have.
const usesPerToken = 10_000

// connect lets the hosts come, some at a time, and waits until all are there.
func (f *fleet) connect(ctx context.Context, patience time.Duration) error {
	running, stop := context.WithCancel(ctx)
	f.stop = stop
	until := time.Now().Add(patience)
	for _, h := range f.hosts {
		for f.online.Load()+enrolling < int64(h.n) && time.Now().Before(until) && ctx.Err() == nil {
			time.Sleep(time.Millisecond) // the pace itself
		}
		f.runs.Go(func() { h.run(running) })
	}
	return f.await(ctx, "all agents are connected", until, func() bool { return f.online.Load() == int64(len(f.hosts)) })
}

// await looks now and then whether a condition holds.
func (f *fleet) await(ctx context.Context, what string, until time.Time, holds func() bool) error {
	for !holds() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(until) {
			return fmt.Errorf("waited in vain until %s: %d of %d agents are connected; refused were %v", what, f.online.Load(), len(f.hosts), f.refusals.take())
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// not counts the hosts for which something does not hold.
func (f *fleet) not(holds func(*host) bool) int {
	n := 0
	for _, h := range f.hosts {
		if !holds(h) {
			n++
		}
	}
	return n
}

// playing counts jobs that the controller does not know whole, and those of them
// that run.
func (f *fleet) playing() (open, running int) {
	for _, h := range f.hosts {
		h.mu.Lock()
		open += len(h.active)
		for _, p := range h.active {
			if !p.started.IsZero() && p.verdict == nil {
				running++
			}
		}
		h.mu.Unlock()
	}
	return open, running
}

// close hangs up.
func (f *fleet) close() {
	if f.stop != nil {
		f.stop()
		f.runs.Wait()
	}
}
