package store

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// request is one Update on its way through the committer.
type request struct {
	fn     func(*Tx) error
	err    error // fn's own
	picked atomic.Bool
	done   chan error // buffered: the committer never waits for a caller
}

// pick claims the request: either the committer runs it, or its caller has gone
// before. Never both.
func (r *request) pick() bool { return r.picked.CompareAndSwap(false, true) }

// queue is where requests wait for the committer.
type queue struct {
	mu      sync.Mutex // guards waiting and closed
	waiting []*request
	closed  bool
	ready   chan struct{} // holds one token while something is there to see
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

func (q *queue) push(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, r)
	q.wake()
	return true
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take waits for requests and gives all that are there; none means that the
// queue is closed and empty.
func (q *queue) take() []*request {
	for range q.ready {
		q.mu.Lock()
		all, closed := q.waiting, q.closed
		q.waiting = nil
		q.mu.Unlock()
		if len(all) > 0 {
			if closed {
				q.wake() // come back to see that it is empty
			}
			return all
		}
		if closed {
			return nil
		}
	}
	return nil
}

// Update runs fn in the committer's goroutine, one after another with all
// others, and returns when what it staged is on the disk and visible. If fn
// fails, nothing of it remains and its error is returned. fn must neither block
// nor call Update.
//
// ctx counts while the update waits for its turn. Once begun it runs to its
// end, so an error of ctx means that nothing was done.
func (s *Store) Update(ctx context.Context, fn func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if note := noteOf(ctx); note != nil {
		fn = note.with(fn)
	}
	s.stats.waiting.Add(1)
	defer s.stats.waiting.Add(-1)
	r := &request{fn: fn, done: make(chan error, 1)}
	if !s.queue.push(r) {
		return errClosed()
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.pick() {
			return fmt.Errorf("store: %w", ctx.Err())
		}
	case <-s.failedCh:
		if r.pick() {
			return s.Err()
		}
	}
	return s.outcome(r)
}

// outcome waits for an update that has begun. One that hangs in a store that has failed
// may be on the disk or not.
func (s *Store) outcome(r *request) error {
	select {
	case err := <-r.done:
		return err
	case <-s.failedCh:
	}
	wait := time.NewTimer(letGo)
	defer wait.Stop()
	select {
	case err := <-r.done:
		return err
	case <-wait.C:
		return s.Err()
	}
}

// run is the committer.
func (s *Store) run() {
	defer close(s.stopped)
	for {
		waiting := s.queue.take()
		if waiting == nil {
			return
		}
		for len(waiting) > 0 {
			waiting = s.runGroup(waiting)
		}
	}
}

// runGroup carries out as many of the waiting as go into one commit, and
// returns the rest.
func (s *Store) runGroup(waiting []*request) []*request {
	g := newGroup(s)
	defer g.close()
	n := 0
	alone := s.space.check() != nil // an urgent one must not be refused with the others, nor take them along
	for n < len(waiting) && !g.full() && !(alone && n > 0) {
		r := waiting[n]
		n++
		if r.pick() {
			r.err = g.run(r.fn)
			g.requests = append(g.requests, r)
		}
	}
	if err := s.Err(); err != nil {
		g.rollback()
		g.answer(err)
		return waiting[n:]
	}
	if err := s.commit(g); err != nil {
		g.rollback()
		g.answer(err)
		return waiting[n:]
	}
	s.publish(g)
	s.tellObserver(g.changed)
	for _, fn := range g.onCommit {
		s.callback(fn)
	}
	g.answer(nil)
	s.trimTails()
	return waiting[n:]
}

func (s *Store) callback(fn func()) {
	defer func() {
		if p := recover(); p != nil {
			s.opt.Logger.Error("panic after a commit", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	fn()
}
