package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
	"borgfleet/shared/version"
	"borgfleet/shared/wire"
)

// As the agent has it.
const (
	batchBytes  = 256 << 10
	signOfLife  = 15 * time.Second
	callTimeout = 30 * time.Second
	comeTimeout = time.Minute
	maxMessage  = 8 << 20

	backoffMin   = time.Second
	backoffMax   = 30 * time.Second
	backoffReset = time.Minute
	backoffTold  = time.Minute
)

// link is a host's connection to the controller.
type link struct {
	mu    sync.Mutex
	conn  net.Conn      // the newest; guarded by mu
	pause time.Duration // that the host stays away, having been cut; guarded by mu
	down  time.Time     // since when it is down; zero: it is up
}

// cut breaks the connection, and keeps the host away for a while.
func (l *link) cut(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.pause = d
		l.conn.Close()
	}
}

func (l *link) takePause() (d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, l.pause, l.conn = l.pause, 0, nil
	return d
}

func (l *link) opened(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = c
}

// run keeps a host connected until ctx ends.
func (h *host) run(ctx context.Context) {
	ceiling := backoffMin
	for ctx.Err() == nil {
		began := time.Now()
		err := h.talk(ctx)
		if h.online.Swap(false) {
			h.f.online.Add(-1)
			h.link.down = time.Now()
		}
		if ctx.Err() != nil {
			return
		}
		pause, told := wire.ComeBack(err, backoffTold)
		away := h.link.takePause()
		switch {
		case away > 0:
			pause = away
		case told:
			ceiling = backoffMin
		default:
			h.f.refusals.add(err)
			if time.Since(began) >= backoffReset {
				ceiling = backoffMin
			}
			pause, ceiling = jitter(ceiling), min(2*ceiling, backoffMax)
		}
		h.wait(ctx, pause)
	}
}

// wait lets what was announced start when the controller has been away too long.
func (h *host) wait(ctx context.Context, pause time.Duration) {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
	if !h.link.down.IsZero() && time.Since(h.link.down) > job.OwnAuthority {
		h.alone(time.Now())
	}
}

// talk lives as long as one connection does.
func (h *host) talk(ctx context.Context) error {
	transport := h.f.transport(h.n, h.cred.ClientTLS(time.Now), h.link.opened)
	defer transport.CloseIdleConnections()
	client := fleetv1connect.NewFleetServiceClient(&http.Client{Transport: transport}, h.f.url, wire.Limits(maxMessage)...)
	h.f.attempts.Add(1)
	epoch, err := h.hello(ctx, client)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := &conversation{h: h, client: client, epoch: epoch}
	var ends sync.WaitGroup
	defer ends.Wait()
	defer cancel(nil)
	ends.Go(func() { cancel(cause(c.watch(ctx))) })
	stream, err := client.Report(ctx)
	if err != nil {
		return err
	}
	defer stream.CloseRequest()
	if err := stream.Send(&fleetv1.ReportRequest{Epoch: epoch}); err != nil && !errors.Is(err, errEOF) {
		return err
	}
	ends.Go(func() { cancel(cause(c.receive(stream))) })
	err = c.send(ctx, stream)
	if errors.Is(err, errEOF) { // why is what receive hears
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// hello tells what the host has.
func (h *host) hello(ctx context.Context, client fleetv1connect.FleetServiceClient) (epoch string, err error) {
	ctx, cancel := context.WithTimeout(ctx, comeTimeout)
	defer cancel()
	answer, err := client.Hello(ctx, &fleetv1.HelloRequest{
		Protocol: version.Protocol, Version: version.String(), StateId: h.stateID, Now: timestamppb.Now(), Hostname: h.name, Name: h.name,
		Borg: []*fleetv1.BorgBinary{{Path: "/usr/bin/borg", Version: borgVersion}}, Jobs: h.states(time.Now()),
		BootId: h.f.bootID, DaemonId: h.stateID, Hooks: true,
	})
	if err != nil {
		return "", err
	}
	for _, a := range answer.Jobs {
		h.answer(a, time.Now())
	}
	h.resume(answer.Jobs, time.Now())
	return answer.Epoch, nil
}

// resume goes on where the controller stands.
func (h *host) resume(answers []*fleetv1.JobAnswer, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range answers {
		if p := h.plays[job.Key(a.Key)]; p != nil {
			p.next = max(a.Next, 1)
		}
	}
	h.pay(now)
}

// conversation is one epoch.
type conversation struct {
	h           *host
	client      fleetv1connect.FleetServiceClient
	epoch       string
	said, heard atomic.Bool
}

// there notes that a half of the connection works; both make it one.
func (c *conversation) there(half *atomic.Bool) {
	half.Store(true)
	if c.said.Load() && c.heard.Load() && !c.h.online.Swap(true) {
		c.h.f.online.Add(1)
		c.h.came.Store(time.Now().UnixNano())
		c.h.link.down = time.Time{}
	}
}

func (c *conversation) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.client.Watch(ctx, &fleetv1.WatchRequest{Epoch: c.epoch})
	if err != nil {
		cancel()
		return err
	}
	defer stream.Close()
	defer cancel() // before Close, which would read on to an end that may never come
	for stream.Receive() {
		c.h.apply(stream.Msg(), time.Now())
		c.there(&c.heard)
	}
	return stream.Err()
}

type reports = connect.BidiStreamForClientSimple[fleetv1.ReportRequest, fleetv1.ReportResponse]

func (c *conversation) receive(stream *reports) error {
	for {
		m, err := stream.Receive()
		if err != nil {
			return err
		}
		now := time.Now()
		for _, a := range m.Jobs {
			c.h.answer(a, now)
		}
	}
}

func (c *conversation) send(ctx context.Context, stream *reports) error {
	spoke := time.Now()
	timer := time.NewTimer(signOfLife)
	defer timer.Stop()
	for {
		now := time.Now()
		m, more, until := c.h.next(now)
		if m == nil && now.Sub(spoke) >= signOfLife {
			m = &fleetv1.ReportRequest{AppliedRevision: c.h.applied()}
		}
		if m != nil {
			if err := stream.Send(m); err != nil {
				return err
			}
			spoke = now
			c.there(&c.said)
		}
		if more {
			continue
		}
		timer.Reset(time.Until(earlier(until, spoke.Add(signOfLife))))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.h.wake:
		case <-timer.C:
		}
	}
}

func (h *host) applied() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.revision
}

var errEnded = errors.New("the controller ended the connection")

// cause is why a half has ended; an end without an error is one, too.
func cause(err error) error {
	if err == nil || errors.Is(err, errEOF) {
		return errEnded
	}
	return err
}
