package testenv

import (
	"io"
	"net"
	"sync"
	"time"
)

// Proxy passes TCP connections on, until it is told not to.
type Proxy struct {
	listener net.Listener

	mu     sync.Mutex
	to     string                // guarded by mu
	cut    bool                  // refuse and drop; guarded by mu
	frozen chan struct{}         // closed when bytes go on; nil: they do; guarded by mu
	delay  time.Duration         // of each piece that is passed on; guarded by mu
	conns  map[net.Conn]struct{} // both ends of each pair; guarded by mu
}

// NewProxy listens on a free port of loopback.
func NewProxy() (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, conns: map[net.Conn]struct{}{}}
	go p.accept()
	return p, nil
}

// Addr is where it listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// To sets where connections go.
func (p *Proxy) To(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = addr
}

// Cut drops every connection and refuses new ones.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for c := range p.conns {
		c.Close()
	}
}

// Freeze keeps every connection open and passes nothing on: half-open, for
// those at its ends.
func (p *Proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frozen == nil {
		p.frozen = make(chan struct{})
	}
}

// Slow makes each piece wait on its way.
func (p *Proxy) Slow(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = delay
}

// Restore lets connections through again, at once.
func (p *Proxy) Restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.delay = false, 0
	if p.frozen != nil {
		close(p.frozen)
		p.frozen = nil
	}
}

// Close ends it.
func (p *Proxy) Close() error {
	p.Restore()
	p.Cut()
	return p.listener.Close()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.pass(c)
	}
}

func (p *Proxy) pass(in net.Conn) {
	defer in.Close()
	p.mu.Lock()
	to, cut := p.to, p.cut
	p.mu.Unlock()
	if cut || to == "" {
		return
	}
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close()
	if !p.hold(in, out) {
		return
	}
	defer p.drop(in, out)
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			_, _ = io.Copy(&gate{p, pair[0]}, pair[1]) // the end of one direction ends the other
			in.Close()
			out.Close()
		})
	}
	both.Wait()
}

// gate is where bytes on their way wait.
type gate struct {
	p  *Proxy
	to net.Conn
}

func (g *gate) Write(b []byte) (int, error) {
	g.p.mu.Lock()
	frozen, delay := g.p.frozen, g.p.delay
	g.p.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	time.Sleep(delay) // the slowness itself, not a wait for something
	return g.to.Write(b)
}

func (p *Proxy) hold(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return false
	}
	for _, c := range conns {
		p.conns[c] = struct{}{}
	}
	return true
}

func (p *Proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}
