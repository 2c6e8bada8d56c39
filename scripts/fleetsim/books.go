package main

import (
	"sync"
	"time"
)

// books are what was played and what was asked over REST: what the controller has
// to answer at the end.
type books struct {
	mu      sync.Mutex
	plays   []*play             // guarded by mu
	orders  map[int64]time.Time // when an order was first at its host; guarded by mu
	started map[int64]start     // over REST; guarded by mu
	wishes  map[int64]time.Time // when a cancel was taken; guarded by mu
	wrongs  []string            // what the controller said that it must not; guarded by mu
}

// start is a backup that was started over REST.
type start struct {
	path  string
	asked time.Time
	once  bool // and answered at once
}

func newBooks() *books {
	return &books{orders: map[int64]time.Time{}, started: map[int64]start{}, wishes: map[int64]time.Time{}}
}

func (b *books) add(p *play) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.plays = append(b.plays, p)
}

func (b *books) ordered(id int64, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.orders[id] = at
}

func (b *books) asked(id int64, s start) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.started[id] = s
}

func (b *books) cancelled(id int64, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wishes[id] = at
}

func (b *books) wrong(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrongs = append(b.wrongs, text)
}

// toOrder is how long it took from each start to the order at the host.
func (b *books) toOrder() sample {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out sample
	for id, s := range b.started {
		if at, ok := b.orders[id]; ok && s.once {
			out.add(at.Sub(s.asked))
		}
	}
	return out
}
