package fleet

import (
	"context"
	"time"

	"borgfleet/controller/internal/fault"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// A machine that was copied whole, machine-id and all, cannot notice it: two
// daemons then share certificate, state id, and what borg calls its host. Here
// both say Hello, and each would end the other's epoch in turn, hear the same
// orders, and run one job twice.
//
// What tells them from one daemon that was restarted is that both live. An agent
// holds the lock of its state directory until its last connection is closed, so
// no honest predecessor can answer anything that is asked after its successor's
// Hello. So the older one is asked: who does not answer in time is no obstacle,
// be it killed, rebooted, or cut off.

// refuseSecond refuses a Hello if old, the agent's epoch until now, is another
// daemon's, and that one lives.
func (s *Service) refuseSecond(ctx context.Context, old *session, req *fleetv1.HelloRequest) error {
	if old == nil || old.stateID == req.StateId && old.daemonID == req.DaemonId {
		return nil // nobody, or itself: a daemon that reconnects has ended its old connection
	}
	lives := old.online() // an older agent does not say which daemon it is: only its state can be another one
	if req.DaemonId != "" {
		lives = s.answers(ctx, old)
	}
	if err := ctx.Err(); err != nil {
		return err // its caller has gone, and must not end what is there
	}
	if !lives {
		return nil
	}
	where := "on another machine"
	if req.BootId != "" && req.BootId == old.bootID {
		where = "on the same machine"
	}
	s.log.Warn("second daemon with one identity refused", "agent", old.agent, "host", clip(req.Hostname), "where", where)
	s.noteProblem(ctx, old.agent, "a second daemon with this agent's identity (host "+clip(req.Hostname)+", "+where+"; connected and answering: "+s.hostOf(old.agent)+
		") was refused: one is a copy of the other; make the copy an agent of its own: make a token with borgfleet-controller join-token create, and on the copy run borgfleet-agent enroll with an empty --state-dir")
	return fault.New(fault.Conflict, "agent_cloned",
		"another daemon with this agent's identity, %s, is connected and answers: one is a copy of the other; if this host is the copy, make it an agent of its own: make a token with borgfleet-controller join-token create, and here run borgfleet-agent enroll with an empty --state-dir", where)
}

// asked is somebody who waits until the agent has confirmed a revision that was
// not sent yet when it was asked for.
type asked struct {
	revision uint64
	answered chan struct{} // closed then
}

// answers asks the agent for a sign that it lives, and waits for it. What was on
// its way already is none: a daemon may have been killed since.
func (s *Service) answers(ctx context.Context, se *session) bool {
	limit := s.set.AnswerWait
	if !se.online() {
		limit -= s.now().Sub(se.began) // it may be about to open its streams, or be dead since its Hello
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-se.ask():
		return true
	case <-se.ctx.Done():
	case <-timer.C:
	case <-ctx.Done():
	case <-s.ending:
	}
	return false
}

func (se *session) ask() <-chan struct{} {
	a := asked{answered: make(chan struct{})}
	se.mu.Lock()
	a.revision = se.revision + 1
	se.asked = append(se.asked, a)
	se.resnapshot = true
	se.mu.Unlock()
	signal(se.watchWake)
	return a.answered
}

// tellAsked needs the caller to hold mu.
func (se *session) tellAsked() {
	var left []asked
	for _, a := range se.asked {
		if a.revision > se.applied {
			left = append(left, a)
			continue
		}
		close(a.answered)
	}
	se.asked = left
}
