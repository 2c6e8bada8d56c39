// Package crowd keeps a door passable while many hold connections to it and do
// nothing with them.
//
// A connection is a stranger's until somebody has proved on it who he is. For
// strangers there is so much room and no more: who comes last is let in, and the
// oldest stranger of the address that has most of them goes. Whoever has business
// here is known within a moment. A connection that somebody is known on is never
// closed to make room.
//
// When a whole fleet comes at once, a moment is as long as the handshakes before it
// take. Who would be closed then is who has been worked for longest, so that in the
// end nobody gets in. So where no address has more than a few strangers, each of
// them has a while before it goes, and who comes after them waits at the door. And
// only some are worked for at once: of two thousand handshakes that are begun together
// each takes as long as all of them, which on a busy machine is longer than either
// side waits. Those who wait are let in in the order in which they came, and so none
// is begun in vain, provided that they are patient; the newest first would be right
// for those who are not.
package crowd

import (
	"container/heap"
	"container/list"
	"context"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Limits is how much room there is behind a door.
type Limits struct {
	Strangers int // connections that nobody is known on
	AtOnce    int // of the strangers, that came a moment ago; 0: as many as there is room for
	Each      int // that one name is known on; its others stay strangers'
	All       int // together: for so many there are descriptors
}

const (
	// few strangers of one address may be hosts that come at the same time.
	few = 8
	// while is what each of them has, and for how long it may keep others waiting. A
	// handshake that is under way for longer is not worked for, it waits for its peer.
	while = 5 * time.Second
)

// sayEvery is how often is logged that there is no room.
const sayEvery = time.Minute

// Listener is a listener with limited room.
type Listener struct {
	net.Listener
	limits Limits
	log    *slog.Logger
	while  time.Duration // see there
	room   chan struct{} // a connection has gone, or a stranger is known
	closed chan struct{}
	once   sync.Once // closes closed

	mu      sync.Mutex
	all     int               // open connections; guarded by mu
	unknown int               // of them strangers'; guarded by mu
	named   map[string]int    // of them by name; guarded by mu
	places  map[string]*place // of strangers by where they come from; guarded by mu
	order   order             // the same, whoever is to go first in front; guarded by mu
	recent  list.List         // of strangers those that came a moment ago, oldest first; guarded by mu
	came    uint64            // connections up to now; guarded by mu
	ended   int               // for want of room, and not logged yet; guarded by mu
	sayNext time.Time         // guarded by mu
	refused uint64            // for want of room, up to now; guarded by mu
}

// Counts is how full it is behind a door.
type Counts struct {
	All       int    // open connections
	Strangers int    // of these, that nobody is known on
	Refused   uint64 // closed for want of room, up to now
}

// Counts says how full it is.
func (l *Listener) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Counts{All: l.all, Strangers: l.unknown, Refused: l.refused}
}

// Listen puts limits on l.
func Listen(l net.Listener, limits Limits, log *slog.Logger) *Listener {
	return &Listener{
		Listener: l, limits: limits, log: log, while: while, room: make(chan struct{}, 1), closed: make(chan struct{}),
		named: map[string]int{}, places: map[string]*place{},
	}
}

// Close ends Accept.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// Accept waits for a connection that there is room for.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if err := l.await(); err != nil {
			c.Close()
			return nil, err
		}
		in, out := l.admit(c)
		if out != nil {
			out.Close()
		}
		if in != nil {
			return in, nil
		}
	}
}

// await waits until there is room, or somebody who may be closed for it, and not too
// many are worked for.
func (l *Listener) await() error {
	for {
		left := l.patience(time.Now())
		if left <= 0 {
			return nil
		}
		t := time.NewTimer(left)
		select {
		case <-l.room:
		case <-t.C:
		case <-l.closed:
			t.Stop()
			return net.ErrClosed
		}
		t.Stop()
	}
}

// patience is how long the next one has to wait at most: as long as the stranger still
// has that would be closed for it, or until fewer came a moment ago. One address that
// sends more than a few does not make the others wait: neither is it waited for, nor do
// more than a few of its own count among those who came.
func (l *Listener) patience(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.unknown == 0:
		return 0
	case l.all < l.limits.All && l.unknown < l.limits.Strangers:
		return l.untilFewer(now)
	case l.order[0].conns.Len() > few:
		return 0
	}
	return l.order[0].conns.Front().Value.(*conn).came.Add(l.while).Sub(now)
}

// untilFewer is when the oldest of those that came a moment ago is none of them any
// more, if there are as many as may be. The caller holds mu.
func (l *Listener) untilFewer(now time.Time) time.Duration {
	for e := l.recent.Front(); e != nil; e = l.recent.Front() {
		left := e.Value.(*conn).came.Add(l.while).Sub(now)
		if left > 0 && l.limits.AtOnce > 0 && l.recent.Len() >= l.limits.AtOnce {
			return left
		}
		if left > 0 {
			break
		}
		l.settle(e.Value.(*conn))
	}
	return 0
}

// settle takes a stranger from among those that came a moment ago. The caller holds mu.
func (l *Listener) settle(c *conn) {
	if c.lately == nil {
		return
	}
	l.recent.Remove(c.lately)
	c.lately = nil
	l.places[c.from].lately--
}

// admit takes c in, or not; out is to be closed for that.
func (l *Listener) admit(c net.Conn) (in *conn, out net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.limits.All && l.unknown == 0 {
		l.say(c.RemoteAddr())
		return nil, c
	}
	if l.all >= l.limits.All || l.unknown >= l.limits.Strangers {
		first := l.order[0].conns.Front().Value.(*conn)
		l.forget(first)
		l.say(first.RemoteAddr())
		out = first
	}
	l.came++
	in = &conn{Conn: c, door: l, from: origin(c.RemoteAddr()), number: l.came, came: time.Now()}
	l.all++
	l.unknown++
	p := l.places[in.from]
	if p == nil {
		p = &place{from: in.from}
		l.places[in.from] = p
		in.element = p.conns.PushBack(in)
		heap.Push(&l.order, p)
	} else {
		in.element = p.conns.PushBack(in)
		heap.Fix(&l.order, p.at)
	}
	if p.lately < few {
		p.lately++
		in.lately = l.recent.PushBack(in)
	}
	return in, out
}

// say logs that a connection of at is closed for want of room, now and then. The
// caller holds mu.
func (l *Listener) say(at net.Addr) {
	l.ended++
	l.refused++
	if now := time.Now(); now.After(l.sayNext) {
		l.log.Warn("too many connections: the oldest of those that have not proved who they are were closed",
			"listener", l.Addr().String(), "closed", l.ended, "last", at.String())
		l.ended, l.sayNext = 0, now.Add(sayEvery)
	}
}

// forget takes a connection out of all counts; again does nothing. The caller
// holds mu.
func (l *Listener) forget(c *conn) {
	if c.gone {
		return
	}
	c.gone = true
	l.all--
	if c.name == "" {
		l.notStranger(c)
		return
	}
	l.hasRoom()
	if l.named[c.name]--; l.named[c.name] == 0 {
		delete(l.named, c.name)
	}
}

// notStranger takes a connection from among the strangers. The caller holds mu.
func (l *Listener) notStranger(c *conn) {
	l.unknown--
	l.settle(c)
	l.hasRoom()
	p := l.places[c.from]
	p.conns.Remove(c.element)
	if p.conns.Len() > 0 {
		heap.Fix(&l.order, p.at)
		return
	}
	heap.Remove(&l.order, p.at)
	delete(l.places, c.from)
}

// hasRoom lets Accept look again.
func (l *Listener) hasRoom() {
	select {
	case l.room <- struct{}{}:
	default:
	}
}

// conn is a connection that is counted.
type conn struct {
	net.Conn
	door    *Listener
	from    string
	number  uint64
	came    time.Time
	element *list.Element // in its place, while it is a stranger's
	lately  *list.Element // in recent, while it is there; guarded by door.mu

	name string // of who is known; guarded by door.mu
	gone bool   // guarded by door.mu
}

func (c *conn) Close() error {
	c.door.mu.Lock()
	c.door.forget(c)
	c.door.mu.Unlock()
	return c.Conn.Close()
}

// NetConn is the connection below.
func (c *conn) NetConn() net.Conn { return c.Conn }

type connKey struct{}

// Context is for an http.Server's ConnContext: it lets Known find the connection.
func Context(ctx context.Context, c net.Conn) context.Context {
	for {
		if mine, ok := c.(*conn); ok {
			return context.WithValue(ctx, connKey{}, mine)
		}
		outer, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return ctx
		}
		c = outer.NetConn()
	}
}

// Known says that name has proved who it is on the connection that ctx belongs
// to. A connection is somebody's once and for all: behind a proxy many share one.
func Known(ctx context.Context, name string) {
	c, ok := ctx.Value(connKey{}).(*conn)
	if !ok || name == "" {
		return
	}
	l := c.door
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.gone || c.name != "" || l.named[name] >= l.limits.Each {
		return
	}
	l.notStranger(c)
	c.name = name
	l.named[name]++
}
