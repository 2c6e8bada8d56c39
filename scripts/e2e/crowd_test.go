package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"borgfleet/scripts/testenv"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
)

const (
	// crowdFiles are the descriptors that the controller has in these tests. A
	// sixteenth of them is for strangers, at each door.
	crowdFiles     = 8192
	crowdStrangers = crowdFiles / 16
	crowdEach      = 450 // connections of each kind that are held at once
	crowdSlack     = 100 // descriptors that the controller needs for itself, and for who is known
)

// crowd holds connections to doors, and opens each anew that is closed.
type crowd struct {
	t      *testing.T
	ctx    context.Context
	cancel context.CancelFunc
	opened map[string]*atomic.Int64 // of each kind
	left   atomic.Int64
}

func newCrowd(t *testing.T) *crowd {
	c := &crowd{t: t, opened: map[string]*atomic.Int64{}}
	c.ctx, c.cancel = context.WithCancel(t.Context())
	t.Cleanup(c.disperse)
	return c
}

// press holds n connections on which act says something, and then nobody
// anything more.
func (c *crowd) press(kind string, n int, dial func(ctx context.Context, i int) (net.Conn, error), act func(context.Context, net.Conn)) {
	count := new(atomic.Int64)
	c.opened[kind] = count
	c.left.Add(int64(n))
	for i := range n {
		go func() {
			defer c.left.Add(-1)
			for c.ctx.Err() == nil {
				if conn, err := dial(c.ctx, i); err == nil {
					count.Add(1)
					stop := context.AfterFunc(c.ctx, func() { conn.Close() })
					act(c.ctx, conn)
					untilClosed(conn)
					stop()
					conn.Close()
				}
				select { // the processors are for others, too
				case <-c.ctx.Done():
				case <-time.After(3 * time.Second):
				}
			}
		}()
	}
}

// untilClosed waits for the other side's end and takes nothing that it sends.
func untilClosed(conn net.Conn) {
	for {
		// A write of nothing sees no end, a read would make room for more.
		conn.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// assembled waits until each kind has opened as many as it holds.
func (c *crowd) assembled(env *testenv.Env, each int) {
	c.t.Helper()
	fatal(c.t, env.Await("the crowd has come", func() (bool, error) {
		for kind, n := range c.opened {
			if int(n.Load()) < each {
				return false, fmt.Errorf("%s: %d", kind, n.Load())
			}
		}
		return true, nil
	}))
}

func (c *crowd) disperse() {
	c.cancel()
	for c.left.Load() > 0 {
		time.Sleep(10 * time.Millisecond)
	}
}

// from gives the i-th connection to addr an address of this machine's own, of
// which there are eight; with alone all come from the one that is everybody's.
func from(addr string, alone bool) func(context.Context, int) (net.Conn, error) {
	return func(ctx context.Context, i int) (net.Conn, error) {
		d := net.Dialer{}
		if !alone {
			d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%8))}
		}
		return d.DialContext(ctx, "tcp", addr)
	}
}

// over makes TLS with nobody's certificate.
func over(dial func(context.Context, int) (net.Conn, error)) func(context.Context, int) (net.Conn, error) {
	return func(ctx context.Context, i int) (net.Conn, error) {
		raw, err := dial(ctx, i)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err := conn.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		return conn, nil
	}
}

func tells(text string) func(context.Context, net.Conn) {
	return func(_ context.Context, c net.Conn) { fmt.Fprint(c, text) }
}

// drips tells text, and then a byte of more now and then.
func drips(text string, more byte) func(context.Context, net.Conn) {
	return func(ctx context.Context, c net.Conn) {
		_, err := fmt.Fprint(c, text)
		for err == nil && ctx.Err() == nil {
			time.Sleep(time.Second)
			_, err = c.Write([]byte{more})
		}
	}
}

// http2Start is the preface with an empty SETTINGS frame.
const http2Start = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// http2Call begins a call of a stranger's whose message never comes.
func http2Call(path string, stream byte) string {
	block := ""
	for _, h := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":path", path}, {":authority", "h"}, {"content-type", "application/proto"}, {"connect-protocol-version", "1"}} {
		block += "\x00" + string(rune(len(h[0]))) + h[0] + string(rune(len(h[1]))) + h[1]
	}
	return "\x00\x00" + string([]byte{byte(len(block)), 1, 4, 0, 0, 0, stream}) + block
}

func descriptors(pid int) int {
	all, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(all)
}

// TestCrowd: thousands hold connections to both doors of the controller and do
// nothing with them, or as little as they can. Everybody else is served, and
// when they go nothing stays of them.
func TestCrowd(t *testing.T) {
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("prlimit is not installed")
	}
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Wrap:       []string{prlimit, fmt.Sprintf("--nofile=%d", crowdFiles)},
		Agents:     []testenv.Agent{{Name: "host"}},
	})
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, 3)}})
	pid := env.Controller.PID()
	before := descriptors(pid)
	resetPeak(t, pid)

	rest, err := url.Parse(env.API.URL)
	fatal(t, err)
	agents := strings.TrimPrefix(env.Thief(nil).URL, "https://")
	c := newCrowd(t)
	for _, alone := range []bool{false, true} {
		at := fmt.Sprintf(", from one address: %v", alone)
		people, hosts := from(rest.Host, alone), from(agents, alone)
		n := crowdEach / 2
		c.press("REST: nothing"+at, n, people, tells(""))
		c.press("REST: a header"+at, n, people, drips("GET / HTTP/1.1\r\nHost: h\r\nX-A: ", 'a'))
		c.press("REST: a body"+at, n, people, drips("POST /api/auth/login HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n{", ' '))
		c.press("REST: answers that nobody reads"+at, n, people, tells(strings.Repeat("GET /api/openapi.json HTTP/1.1\r\nHost: h\r\n\r\n", 200)))
		c.press("agents: nothing"+at, n, hosts, tells(""))
		c.press("agents: half a greeting"+at, n, hosts, drips("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0))
		c.press("agents: settings only"+at, n, over(hosts), tells(http2Start))
		c.press("agents: calls without an end"+at, n, over(hosts), tells(http2Start+http2Call(fleetv1connect.FleetServiceEnrollProcedure, 1)+http2Call(fleetv1connect.FleetServiceHelloProcedure, 3)))
	}
	c.assembled(env, crowdEach/2)
	most := 0
	look := func() { most = max(most, descriptors(pid)) }
	look()

	began := time.Now()
	fatal(t, env.Await("people are served", func() (bool, error) {
		api, err := env.Login(t.Context()) // over a connection of its own
		if err != nil {
			return false, err
		}
		defer api.HTTP.CloseIdleConnections()
		return true, api.Get("/api/backup/jobs", &struct{}{})
	}))
	t.Logf("people were served after %s", time.Since(began).Round(time.Millisecond))
	look()
	began = time.Now()
	fatal(t, env.Await("an agent that comes is served", func() (bool, error) {
		thief, err := env.Hosts["host"].Thief()
		if err != nil {
			return false, err
		}
		defer thief.Close()
		// What is no epoch is refused by the fleet, to those whom it knows.
		if err := watchError(t, thief, "x"); connect.CodeOf(err) != connect.CodeAborted {
			return false, err
		}
		return true, nil
	}))
	t.Logf("an agent was served after %s", time.Since(began).Round(time.Millisecond))
	if _, err := env.Controller.CLI("agents", "list"); err != nil {
		t.Errorf("the admin socket: %v", err)
	}
	if j := backup(t, env, repo); j.Status != "completed" {
		t.Errorf("%+v", j)
	}
	look()
	fatal(t, env.Hosts["host"].Stop()) // and comes back, through the crowd
	fatal(t, env.Hosts["host"].Start())
	fatal(t, env.AwaitOnline("host"))
	look()
	within(t, "the controller's memory", peak(pid), mostController)
	if bound := before + 2*crowdStrangers + crowdSlack; most > bound {
		t.Errorf("the controller had %d descriptors, %d before; %d are the most", most, before, bound)
	}
	total := int64(0)
	for _, kind := range slices.Sorted(maps.Keys(c.opened)) {
		total += c.opened[kind].Load()
		t.Logf("%6d %s", c.opened[kind].Load(), kind)
	}
	t.Logf("%d connections, %d descriptors at most, %d before; memory %s", total, most, before, mb(peak(pid)))

	c.disperse()
	fatal(t, env.Await("nothing stays of the crowd", func() (bool, error) {
		if n := descriptors(pid); n > before+crowdSlack {
			return false, fmt.Errorf("%d descriptors, %d before", n, before)
		}
		return true, nil
	}))
	if !env.Controller.Running() || env.Controller.PID() != pid {
		t.Error("the controller has ended")
	}
}

// TestCrowdAtTheAgent: the same at the socket of a host's agent, by the accounts
// that can open it at all.
func TestCrowdAtTheAgent(t *testing.T) {
	env := oneHost(t)
	host := env.Hosts["host"]
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, 3)}})
	before := descriptors(host.PID())
	memory := watchHost(host)
	socket := filepath.Join(host.StateDir, "agent.sock")
	dial := func(ctx context.Context, _ int) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	c := newCrowd(t)
	for kind, act := range map[string]func(context.Context, net.Conn){
		"nothing":  tells(""),
		"a header": drips("GET /v1/status HTTP/1.1\r\nHost: h\r\nX-A: ", 'a'),
		"a body":   drips("POST /v1/backups HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n{", ' '),
	} {
		c.press(kind, crowdEach, dial, act)
	}
	c.assembled(env, crowdEach)
	for range 5 {
		if out, err := host.CLI("status"); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
	if j := backup(t, env, repo); j.Status != "completed" {
		t.Errorf("%+v", j)
	}
	if n := descriptors(host.PID()); n > before+2*64+crowdSlack {
		t.Errorf("the agent has %d descriptors, %d before", n, before)
	}
	within(t, "agent's PSS", memory.end(), mostAgent)
	c.disperse()
	fatal(t, env.Await("nothing stays of the crowd", func() (bool, error) {
		if n := descriptors(host.PID()); n > before+10 {
			return false, fmt.Errorf("%d descriptors, %d before", n, before)
		}
		return true, nil
	}))
}
