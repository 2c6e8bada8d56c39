package crowd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// visit is a connection that a test made, from an address that it chose.
type visit struct {
	at     addr
	closed bool
}

type addr string

func (a addr) Network() string { return "tcp" }
func (a addr) String() string  { return string(a) }

// side is the door's end of a visit.
type side struct{ v *visit }

func (s side) Close() error                     { s.v.closed = true; return nil }
func (s side) RemoteAddr() net.Addr             { return s.v.at }
func (s side) LocalAddr() net.Addr              { return addr("") }
func (s side) Read([]byte) (int, error)         { return 0, net.ErrClosed }
func (s side) Write([]byte) (int, error)        { return 0, net.ErrClosed }
func (s side) SetDeadline(time.Time) error      { return nil }
func (s side) SetReadDeadline(time.Time) error  { return nil }
func (s side) SetWriteDeadline(time.Time) error { return nil }

// street is a listener to which tests come.
type street struct{ coming []*visit }

func (s *street) Accept() (net.Conn, error) {
	if len(s.coming) == 0 {
		return nil, net.ErrClosed
	}
	v := s.coming[0]
	s.coming = s.coming[1:]
	return side{v}, nil
}
func (s *street) Close() error   { return nil }
func (s *street) Addr() net.Addr { return addr("door") }

type rig struct {
	t      *testing.T
	street *street
	door   *Listener
	said   *strings.Builder
}

func newRig(t *testing.T, limits Limits) *rig {
	r := &rig{t: t, street: &street{}, said: &strings.Builder{}}
	r.door = Listen(r.street, limits, slog.New(slog.NewTextHandler(r.said, nil)))
	r.door.while = 0 // who is closed for whom; how long that takes is TestFleetComesAtOnce's
	return r
}

// come connects from an address; nil: there was no room.
func (r *rig) come(at string) (*visit, net.Conn) {
	v := &visit{at: addr(at)}
	r.street.coming = append(r.street.coming, v)
	c, err := r.door.Accept()
	if err != nil {
		return v, nil
	}
	return v, c
}

func known(c net.Conn, name string) { Known(Context(context.Background(), c), name) }

func (r *rig) open(want int) {
	r.t.Helper()
	strangers := 0
	for _, p := range r.door.places {
		strangers += p.conns.Len()
	}
	for _, n := range r.door.named {
		strangers += n
	}
	if r.door.all != want || strangers != want {
		r.t.Errorf("%d are counted as open, %d are kept, want %d", r.door.all, strangers, want)
	}
}

func TestTheCrowdMakesRoom(t *testing.T) {
	r := newRig(t, Limits{Strangers: 3, Each: 2, All: 10})
	one, _ := r.come("192.0.2.1:1")
	a1, _ := r.come("192.0.2.2:1")
	a2, _ := r.come("192.0.2.2:2")
	a3, _ := r.come("192.0.2.2:3") // of the address with most, the oldest goes
	if !a1.closed || one.closed || a2.closed || a3.closed {
		t.Errorf("closed: %v %v %v, and the other address's %v", a1.closed, a2.closed, a3.closed, one.closed)
	}
	two, _ := r.come("192.0.2.3:1")
	if !a2.closed || two.closed {
		t.Error("the address with most has as many as before")
	}
	three, _ := r.come("192.0.2.4:1") // all have one: the oldest
	if !one.closed || three.closed {
		t.Error("not the oldest of all went")
	}
	r.open(3)
	if got, want := r.door.Counts(), (Counts{All: 3, Strangers: 3, Refused: 3}); got != want {
		t.Errorf("it is told as %+v, want %+v", got, want)
	}
}

func TestKnownStay(t *testing.T) {
	r := newRig(t, Limits{Strangers: 2, Each: 2, All: 4})
	var kept []*visit
	for range 2 {
		v, c := r.come("192.0.2.1:1")
		known(c, "agent")
		known(c, "another") // it is the agent's
		kept = append(kept, v)
	}
	third, c := r.come("192.0.2.1:1")
	known(c, "agent") // has two
	for range 5 {
		r.come("192.0.2.9:1")
	}
	if kept[0].closed || kept[1].closed {
		t.Error("a known one was closed")
	}
	if !third.closed {
		t.Error("a third one of the same name is kept like the first two")
	}
	r.open(4)
	if got, want := r.door.Counts(), (Counts{All: 4, Strangers: 2, Refused: 4}); got != want {
		t.Errorf("it is told as %+v, want %+v", got, want)
	}
}

// TestFull: with nobody to close, who comes is not let in, and nothing is lost
// of the room.
func TestFull(t *testing.T) {
	r := newRig(t, Limits{Strangers: 2, Each: 1, All: 2})
	_, a := r.come("192.0.2.1:1")
	known(a, "a")
	_, b := r.come("192.0.2.1:2")
	known(b, "b")
	if v, c := r.come("192.0.2.1:3"); c != nil || !v.closed {
		t.Error("a third was let in")
	}
	r.open(2)
	for range 2 {
		if err := a.Close(); err != nil { // again does nothing
			t.Fatal(err)
		}
	}
	r.open(1)
	if v, c := r.come("192.0.2.1:4"); c == nil || v.closed {
		t.Error("there is room, and it was not let in")
	}
	known(a, "a") // has gone
	r.open(2)
}

func TestWhereTheyComeFrom(t *testing.T) {
	for at, want := range map[string]string{
		"192.0.2.1:5": "192.0.2.1", "[::ffff:192.0.2.1]:5": "192.0.2.1", "[2001:db8:1:2:3::4]:5": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:5": "fe80::/64", "@": "", "": "",
	} {
		if got := origin(addr(at)); got != want {
			t.Errorf("%q is %q, want %q", at, got, want)
		}
	}
}

// TestSaidNowAndThen: a flood does not fill the log as well.
func TestSaidNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Limits{Strangers: 1, Each: 1, All: 9})
		for range 100 {
			r.come("192.0.2.1:1")
		}
		time.Sleep(2 * sayEvery) // the bubble's
		r.come("192.0.2.1:1")
		if n := strings.Count(r.said.String(), "\n"); n != 2 || !strings.Contains(r.said.String(), "closed=99") {
			t.Errorf("%d lines: %s", n, r.said)
		}
	})
}

// TestFleetComesAtOnce: hosts whose handshake is under way are not closed for those
// that come after them, or none would ever get in; they wait at the door. One
// address that sends more than a few does not make the others wait.
func TestFleetComesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Limits{Strangers: 2, Each: 8, All: 100})
		r.door.while = while
		first, one := r.come("10.0.0.1:1")
		second, _ := r.come("10.0.0.2:1")
		came := make(chan *visit, 1)
		go func() {
			v, _ := r.come("10.0.0.3:1")
			came <- v
		}()
		synctest.Wait()
		if len(came) > 0 || first.closed || second.closed {
			t.Fatalf("a third host is in, %v; the others are out, %v, %v", len(came) > 0, first.closed, second.closed)
		}
		Known(Context(context.Background(), one), "a")
		synctest.Wait()
		if third := <-came; third.closed || first.closed || second.closed {
			t.Error("somebody was closed, with room made by one that is known")
		}
		began := time.Now()
		fourth, _ := r.come("10.0.0.4:1")
		if waited := time.Since(began); waited != while || !second.closed || fourth.closed {
			t.Errorf("after %s the oldest is out: %v; want %s", waited, second.closed, while)
		}
	})
}

// TestFloodFromOnePlace: it waits for nothing, and loses its own.
func TestFloodFromOnePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Limits{Strangers: few + 2, Each: 8, All: 100})
		r.door.while = while
		began := time.Now()
		host, _ := r.come("10.0.0.1:1")
		var flood []*visit
		for range few + 5 {
			v, _ := r.come("10.0.0.9:1")
			flood = append(flood, v)
		}
		other, _ := r.come("10.0.0.2:1")
		if time.Since(began) != 0 || host.closed || other.closed || !flood[0].closed {
			t.Errorf("after %s: hosts out %v %v, the first of the flood %v", time.Since(began), host.closed, other.closed, flood[0].closed)
		}
	})
}

// TestCloseEndsWaiting: who waits at the door does not keep it open.
func TestCloseEndsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Limits{Strangers: 1, Each: 8, All: 100})
		r.door.while = while
		r.come("10.0.0.1:1")
		began := time.Now()
		time.AfterFunc(time.Second, func() { r.door.Close() })
		if _, c := r.come("10.0.0.2:1"); c != nil || time.Since(began) != time.Second {
			t.Errorf("Accept gives %v after %s", c, time.Since(began))
		}
	})
}

// TestKnownOneMakesRoom: who waits at a full door comes in when somebody leaves who
// is known, and need not wait until a stranger may be closed.
func TestKnownOneMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Limits{Strangers: 2, Each: 8, All: 2})
		r.door.while = while
		_, a := r.come("10.0.0.1:1")
		known(a, "a")
		host, _ := r.come("10.0.0.2:1")
		began := time.Now()
		time.AfterFunc(time.Second, func() { a.Close() })
		if _, c := r.come("10.0.0.3:1"); c == nil || host.closed || time.Since(began) != time.Second {
			t.Errorf("in %v after %s, the one before it is out: %v", c != nil, time.Since(began), host.closed)
		}
	})
}

// TestOnlySomeAtOnce: of a fleet that comes at once so many are worked for as can be
// done with soon, and the others come in as those are known, in their order.
func TestOnlySomeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Limits{Strangers: 100, AtOnce: 3, Each: 8, All: 1000})
		r.door.while = while
		began, in := time.Now(), make(chan net.Conn, 10)
		for i := range 10 {
			r.street.coming = append(r.street.coming, &visit{at: addr(fmt.Sprintf("10.0.0.%d:1", i))})
		}
		go func() {
			for range cap(in) {
				if c, err := r.door.Accept(); err == nil {
					in <- c
				}
			}
		}()
		for i := range cap(in) {
			synctest.Wait()
			if want := min(3, cap(in)-i); len(in) != want {
				t.Fatalf("%d are worked for, want %d", len(in), want)
			}
			c := <-in
			if want := fmt.Sprintf("10.0.0.%d:1", i); c.RemoteAddr().String() != want {
				t.Errorf("%s is in, want %s", c.RemoteAddr(), want)
			}
			if i%2 == 0 {
				known(c, "a")
			}
			c.Close()
		}
		if d := time.Since(began); d != 0 || r.door.recent.Len() != 0 {
			t.Errorf("it took %s, %d are left", d, r.door.recent.Len())
		}
	})
}

// TestSleepersWait alone: those who do nothing keep others waiting for a while, and then
// no more; and of one address not more than a few keep anybody.
func TestSleepersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Limits{Strangers: 100, AtOnce: 2 * few, Each: 8, All: 1000})
		r.door.while = while
		began := time.Now()
		for range 3 * few {
			r.come("10.0.0.9:1")
		}
		for i := range few {
			r.come(fmt.Sprintf("10.0.1.%d:1", i))
		}
		if d := time.Since(began); d != 0 {
			t.Fatalf("an address kept others for %s", d)
		}
		if host, _ := r.come("10.0.2.1:1"); time.Since(began) != while || host.closed {
			t.Errorf("let in after %s, closed %v; want %s", time.Since(began), host.closed, while)
		}
		r.open(4*few + 1)
		for range 2*few - 1 { // all others came a while ago by now
			r.come("10.0.3.1:1")
		}
		if d := time.Since(began); d != while {
			t.Errorf("those who sleep for long keep others for %s more", d-while)
		}
	})
}
