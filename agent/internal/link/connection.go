package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"connectrpc.com/connect"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
)

// holdLines is how long log lines wait for company, unless somebody reads
// along; a message carries up to batchBytes of them.
const (
	holdLines  = time.Second
	batchBytes = 256 << 10
)

// retryRead is how long a job directory that cannot be read is left alone, and
// how often at most a job is said once more.
const retryRead = time.Second

// connection is one epoch.
type connection struct {
	l      *Link
	client fleetv1connect.FleetServiceClient
	hello  *greeting
	stream *connect.BidiStreamForClientSimple[fleetv1.ReportRequest, fleetv1.ReportResponse]
	opened chan struct{} // closed when stream is set

	applied     chan struct{} // a revision was applied
	mu          sync.Mutex
	revision    uint64                         // applied; guarded by mu
	said, heard bool                           // Report took a message, the controller spoke; guarded by mu
	answers     map[job.Key]*fleetv1.JobAnswer // heard, not yet looked at by the sender; guarded by mu
	answersWake chan struct{}
}

func newConnection(l *Link, client fleetv1connect.FleetServiceClient, hello *greeting) *connection {
	return &connection{
		l: l, client: client, hello: hello,
		opened: make(chan struct{}), applied: make(chan struct{}, 1),
		answers: map[job.Key]*fleetv1.JobAnswer{}, answersWake: make(chan struct{}, 1),
	}
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// there notes that a half of the connection works. Only both make it one: a
// message that is sent has not arrived, and a link that breaks again and again
// before the controller said a word must not pass for contact.
func (c *connection) there(half *bool) {
	c.mu.Lock()
	before := c.said && c.heard
	*half = true
	now := c.said && c.heard
	c.mu.Unlock()
	if before || !now {
		return
	}
	c.l.status.Store(nil)
	c.l.o.Jobs.SetLinked(true)
	c.l.log.Info("connected to the controller", "controller", c.l.o.Identity.ControllerURL)
}

// watch applies the desired state as it comes, and confirms what is on disk.
//
// What the disk refuses does not end the connection, or a host with a full disk
// would be offline. It is not confirmed, nor is what comes behind it: the
// controller then says all of it again.
func (c *connection) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.client.Watch(ctx, &fleetv1.WatchRequest{Epoch: c.hello.heard.Epoch})
	if err != nil {
		cancel()
		return err
	}
	defer stream.Close()
	defer cancel() // before Close, which would read on to an end that may never come
	behind := ""   // why something before this message is not on disk
	for stream.Receive() {
		m := stream.Msg()
		err := c.l.o.Jobs.Apply(m)
		c.there(&c.heard)
		if err != nil {
			if err.Error() != behind {
				c.l.log.Error("what the controller wants cannot be put on the disk; trying again with its next word", "err", err)
			}
			behind = err.Error()
		} else if m.Snapshot {
			behind = ""
		}
		if behind != "" {
			continue
		}
		c.mu.Lock()
		c.revision = m.Revision
		c.mu.Unlock()
		signal(c.applied)
	}
	return stream.Err()
}

// receive takes the controller's answers in.
func (c *connection) receive(ctx context.Context) error {
	select {
	case <-c.opened:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		m, err := c.stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		c.there(&c.heard)
		for _, a := range m.Jobs {
			if err := c.l.o.Jobs.Answer(a); err != nil {
				return fmt.Errorf("take answer: %w", err)
			}
			if err := c.keep(a); err != nil {
				return err
			}
		}
		signal(c.answersWake)
	}
}

// keep leaves an answer to the sender. What a controller says of more jobs than any
// host has is not kept: it could be without end.
func (c *connection) keep(a *fleetv1.JobAnswer) error {
	key, err := job.KeyFromBytes(a.Key)
	if err != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answers) > job.MostUnreadAnswers {
		return errors.New("the controller answers for more jobs than there can be")
	}
	c.answers[key] = a
	return nil
}

// send opens the Report stream and says whatever is new.
func (c *connection) send(ctx context.Context) error {
	stream, err := c.client.Report(ctx)
	if err != nil {
		return err
	}
	c.stream = stream
	defer c.end()
	out := newOutbox(c)
	defer out.close()
	if err := out.begin(); err != nil {
		return err
	}
	if err := stream.Send(out.first()); err != nil {
		return c.sendError(ctx, err)
	}
	close(c.opened)
	c.there(&c.said)
	voice := voice{every: c.l.signOfLife, now: c.l.o.Now, spoke: c.l.o.Now()}
	for {
		m, more, err := out.next()
		if err != nil {
			return err
		}
		if m = voice.orSign(m); m != nil {
			if err := stream.Send(m); err != nil {
				return c.sendError(ctx, err)
			}
		}
		if more {
			continue
		}
		if err := c.idle(ctx, voice.orDue(out.holdUntil)); err != nil {
			return err
		}
	}
}

// idle waits for something to say, until then at most.
func (c *connection) idle(ctx context.Context, until time.Time) error {
	hold := time.NewTimer(until.Sub(c.l.o.Now()))
	defer hold.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.l.o.Jobs.Wake():
	case <-c.applied:
	case <-c.answersWake:
	case <-hold.C:
	}
	return nil
}

// sendError: io.EOF from Send only says that the other side ended; why is what
// Receive tells, and receive is already listening once opened is closed: it must
// be the one to end the connection, or what the controller said would be lost.
func (c *connection) sendError(ctx context.Context, err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	select {
	case <-c.opened:
		<-ctx.Done()
		return ctx.Err()
	default:
		_, err := c.stream.Receive()
		return err
	}
}

// end half-closes, so that the controller sees an end and not a cut.
func (c *connection) end() {
	_ = c.stream.CloseRequest() // broken or not: nothing more is said on it
}
