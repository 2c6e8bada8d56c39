package main

import (
	"errors"
	"maps"
	"sync"

	"connectrpc.com/connect"
)

// refusals are attempts to connect, and connections, that failed, by reason. Those
// that no script asked for and no farewell announced.
type refusals struct {
	mu sync.Mutex
	by map[string]int // guarded by mu
}

func (r *refusals) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[string]int{}
	}
	r.by[whyRefused(err)]++
}

// take gives what came together since the last time.
func (r *refusals) take() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.by
	r.by = nil
	if out == nil {
		return map[string]int{}
	}
	return maps.Clone(out)
}

// whyRefused keeps addresses out: one reason is one, whoever heard it.
func whyRefused(err error) string {
	e, ok := errors.AsType[*connect.Error](err)
	switch {
	case ok && connect.IsWireError(e):
		return "refused by the controller: " + e.Message()
	case ok:
		err = e.Unwrap()
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return "no connection: " + err.Error()
}
