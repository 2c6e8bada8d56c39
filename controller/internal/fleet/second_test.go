package fleet

import (
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/version"
)

// answerWait is long enough for a loaded machine to answer in.
const answerWait = 2 * time.Second

// daemonOf is a puppet that says which daemon it is, with the identity of p.
func (p *puppet) daemonOf(boot, id string) *puppet {
	d := p.rig.puppet(p.cred)
	d.boot, d.daemon = boot, id
	return d
}

// confirm has a puppet live: it confirms what it is sent, until its streams end.
func (p *puppet) confirm() {
	go func() {
		for {
			select {
			case m := <-p.watch:
				if p.stream.Send(&fleetv1.ReportRequest{AppliedRevision: m.Revision}) != nil {
					return
				}
			case <-p.t.Context().Done():
				return
			}
		}
	}()
}

func (p *puppet) secondHello(state string) error {
	_, err := p.client.Hello(p.t.Context(), &fleetv1.HelloRequest{
		Protocol: version.Protocol, StateId: state, Hostname: "h2", BootId: p.boot, DaemonId: p.daemon,
	})
	return err
}

// TestACopyIsRefused while the other one lives, whichever of the two that is.
func TestACopyIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ boot, state, where string }{
		"another machine":  {"boot-2", "s1", "on another machine"},
		"the same machine": {"boot-1", "s1", "on the same machine"},
		"another state":    {"boot-2", "s2", "on another machine"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			p := r.agent("a")
			r.repository(p, "/r")
			first, second := p.daemonOf("boot-1", "one"), p.daemonOf(c.boot, "two")
			first.connect("s1")
			first.confirm()
			err := second.secondHello(c.state)
			wantCode(t, "the copy", err, connect.CodeFailedPrecondition)
			if refusal(err) != "agent_cloned" || !strings.Contains(err.Error(), "borgfleet-agent enroll") || !strings.Contains(err.Error(), c.where) {
				t.Errorf("it is refused with %v", err)
			}
			if !r.s.online(p.id) {
				t.Error("the copy threw the first one out")
			}
			v, err := r.s.Agent(t.Context(), p.id)
			must(t, err)
			if !strings.Contains(v.Problem, "host h2, "+c.where) || !strings.Contains(v.Problem, "borgfleet-agent enroll") {
				t.Errorf("the agent's problem is %q", v.Problem)
			}
			if c.state != "s1" {
				return
			}
			// The one that is there counts, also when it is the copy.
			first.disconnect()
			second.connect("s1")
			second.confirm()
			wantCode(t, "the first one", first.secondHello("s1"), connect.CodeFailedPrecondition)
		})
	}
}

// TestARestartIsNotRefused, nor kept waiting for longer than a dead predecessor
// is given to answer.
func TestARestartIsNotRefused(t *testing.T) {
	tests := map[string]struct {
		boot, id string
		before   func(*puppet) // what becomes of the first one
		during   func(*puppet) // what happens while it is asked
		atOnce   bool
	}{
		"restarted": {"boot-1", "two", func(p *puppet) { p.disconnect() }, nil, true},
		"reconnected, the old connection half-open":    {"boot-1", "one", nil, nil, true},
		"killed, its connection breaks a moment later": {"boot-1", "two", nil, func(p *puppet) { p.hang() }, true},
		"killed, its connection half-open":             {"boot-1", "two", nil, nil, false},
		"killed, with words of it on the way": {"boot-1", "two", nil, func(p *puppet) {
			_ = p.stream.Send(&fleetv1.ReportRequest{AppliedRevision: 1})
		}, false},
		"rebooted, the old connection half-open": {"boot-2", "two", nil, nil, false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			p := r.agent("a")
			r.repository(p, "/r")
			first := p.daemonOf("boot-1", "one")
			first.connect("s1")
			if c.before != nil {
				c.before(first)
			}
			next := p.daemonOf(c.boot, c.id)
			began := time.Now()
			done := make(chan error, 1)
			go func() { done <- next.secondHello("s1") }()
			if c.during != nil {
				se := r.s.session(p.id)
				r.await("it is asked", func() bool { se.mu.Lock(); defer se.mu.Unlock(); return len(se.asked) > 0 })
				c.during(first)
			}
			must(t, <-done)
			switch took := time.Since(began); {
			case c.atOnce && took >= answerWait:
				t.Errorf("it took %s", took)
			case !c.atOnce && took < answerWait:
				t.Errorf("it was let in after %s, and the old one may live", took)
			}
			next.connect("s1")
			j := r.start("/r", "")
			next.order(j.ID)
			next.send(&fleetv1.JobReport{Key: j.Key[:], Register: register(1, job.PhaseStarted, job.Completed)})
			next.next("verdict")
		})
	}
}
