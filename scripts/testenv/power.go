package testenv

import (
	"context"
	"sync"
)

// power is a machine's: when it is cut, each command that runs there is killed.
type power struct {
	mu  sync.Mutex
	ctx context.Context
	off context.CancelFunc
}

func (p *power) on(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctx, p.off = context.WithCancel(ctx)
}

func (p *power) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off()
}

// while lasts as long as there is power.
func (p *power) while() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ctx
}
