// Package link is the agent's connection to the controller: one HTTP/2
// connection, dialled out, over which it says Hello, watches its desired state
// and reports its jobs. Everything it says is read from the job directories
// and is safe to repeat, so a broken connection needs no care: the next one
// begins with what the controller says it has.
package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/state"
	"borgfleet/certs"
	"borgfleet/shared/envelope"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
	"borgfleet/shared/schedule"
	"borgfleet/shared/version"
	"borgfleet/shared/wire"
)

// Jobs is what the link replicates; *daemon.Daemon is one.
type Jobs interface {
	Dirs() []*jobdir.Dir
	Dir(job.Key) (*jobdir.Dir, bool)
	Damaged() []job.Key // held, and nothing more is known of them
	Wake() <-chan struct{}
	TakeChanged() map[job.Key]bool // true: say all of it again
	Apply(*fleetv1.WatchResponse) error
	Answer(*fleetv1.JobAnswer) error
	SetLinked(bool)
	Draining() bool // the host takes no new jobs
	RecoveryKey() (accepted, named string)
	Held() ([]*fleetv1.Repository, uint64) // definitions that differ from the controller's; the number changes when they do
}

// Options is what a Link needs.
type Options struct {
	Identity   state.Identity
	Credential *certs.Credential
	Recipient  string                        // public half of the agent's sealing key
	Save       func(*certs.Credential) error // puts a new credential in the old one's place
	Jobs       Jobs
	Borg       func(context.Context) []*fleetv1.BorgBinary // looked up for each Hello
	Logger     *slog.Logger
	Now        func() time.Time
	Backoff    Backoff
	Renewal    Renewal
	Proxy      func(*http.Request) (*url.URL, error) // nil: as the environment says

	// Timetable is how the host's schedules stand, its own time zone, and a number
	// that changes when they do. nil: it has none.
	Timetable func() (states []schedule.State, zone string, version uint64)
}

// Backoff is how the link comes back: full jitter between nothing and a ceiling
// that doubles from Min to Max, so that a fleet does not return in step.
type Backoff struct {
	Min, Max time.Duration
	Reset    time.Duration // a connection that lasted this long starts over at Min
	Refused  time.Duration // after an answer that another try will not change
	Told     time.Duration // the longest that a controller which stops is obeyed
}

// DefaultBackoff is the documented one.
func DefaultBackoff() Backoff {
	return Backoff{Min: time.Second, Max: 30 * time.Second, Reset: time.Minute, Refused: 5 * time.Minute, Told: time.Minute}
}

// Link keeps the connection up.
type Link struct {
	o      Options
	log    *slog.Logger
	status atomic.Pointer[outage] // why it is down; nil: it is up

	cred    atomic.Pointer[certs.Credential]
	renewAt time.Time // zero: not decided yet; only connect and what it waits for look at it
	expired bool      // the controller says so of the certificate; only connect looks at it

	signOfLife time.Duration
	daemonID   string // tells the controller this daemon from any other with its identity
}

// New makes a link; Run dials.
func New(o Options) *Link {
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	l := &Link{o: o, log: o.Logger, signOfLife: signOfLife, daemonID: uuid.NewString()}
	l.status.Store(&outage{why: "not tried yet"})
	l.cred.Store(o.Credential)
	return l
}

// Status is empty while the link is up, else why it is not.
func (l *Link) Status() string {
	if s := l.status.Load(); s != nil {
		return s.text(l.o.Now())
	}
	return ""
}

// Run dials until ctx ends.
func (l *Link) Run(ctx context.Context) {
	ceiling := l.o.Backoff.Min
	for ctx.Err() == nil {
		began := l.o.Now()
		err := l.connect(ctx)
		if errors.Is(err, errStale) {
			continue // at once, with a new certificate: nobody misses anything
		}
		l.o.Jobs.SetLinked(false)
		if ctx.Err() != nil {
			return
		}
		pause, told := wire.ComeBack(err, l.o.Backoff.Told)
		switch {
		case told:
			ceiling = l.o.Backoff.Min
		case refused(err):
			pause = l.o.Backoff.Refused
		default:
			if l.o.Now().Sub(began) >= l.o.Backoff.Reset {
				ceiling = l.o.Backoff.Min
			}
			pause, ceiling = rand.N(ceiling), min(2*ceiling, l.o.Backoff.Max)
		}
		l.down(err, pause, told)
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// down notes why there is no connection. Each reason is logged once.
func (l *Link) down(err error, pause time.Duration, told bool) {
	now := outage{why: reason(err)}
	if told {
		now.why, now.back = "the controller has stopped, or restarts", l.o.Now().Add(pause)
	}
	old := l.status.Swap(&now)
	switch {
	case told:
		l.log.Info("the controller goes away; coming back when it said", "controller", l.o.Identity.ControllerURL, "in", pause.Round(time.Millisecond))
	case old == nil || old.why != now.why:
		l.log.Warn("not connected to the controller", "controller", l.o.Identity.ControllerURL, "err", now.why)
	}
}

// refused tells answers that the same question will get again. That the
// certificate has expired is none: a new one is asked for.
func refused(err error) bool {
	if errors.Is(err, errTooLate) {
		return true
	}
	if saysExpired(err) {
		return false
	}
	switch connect.CodeOf(err) {
	case connect.CodeUnauthenticated, connect.CodePermissionDenied, connect.CodeUnimplemented, connect.CodeFailedPrecondition:
		e, ok := errors.AsType[*connect.Error](err)
		return ok && connect.IsWireError(e)
	}
	return false
}

func reason(err error) string {
	if err == nil {
		return "the controller ended the connection"
	}
	if e, ok := errors.AsType[*connect.Error](err); ok {
		return e.Message()
	}
	return err.Error()
}

// connect lives as long as one connection does. Without a good certificate it
// gets one first.
func (l *Link) connect(ctx context.Context) error {
	if l.expired || l.hasExpired() {
		if err := l.recover(ctx); err != nil {
			return err
		}
		l.expired = false
	}
	err := l.talk(ctx)
	l.expired = saysExpired(err)
	return err
}

func (l *Link) talk(ctx context.Context) error {
	if l.renewAt.IsZero() {
		l.renewAt = l.dueAt(l.cred.Load())
	}
	transport := l.transport(l.cred.Load().ClientTLS(l.o.Now))
	defer transport.CloseIdleConnections()
	client := fleetv1connect.NewFleetServiceClient(&http.Client{Transport: messageStreams{transport}}, l.o.Identity.ControllerURL, wire.Limits(maxMessage)...)

	hello, err := l.hello(ctx, client)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := newConnection(l, client, hello)
	done := make(chan struct{}, 4)
	for _, part := range []func(context.Context) error{c.watch, c.send, c.receive, c.renewal} {
		go func() {
			err := part(ctx)
			if err == nil {
				err = errEnded
			}
			cancel(err)
			done <- struct{}{}
		}()
	}
	for range cap(done) {
		<-done
	}
	return context.Cause(ctx)
}

var errEnded = errors.New("the controller ended the connection")

// messageStreams ends streams whose messages are not finished.
type messageStreams struct{ next http.RoundTripper }

func (s messageStreams) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(req)
	if err == nil && resp.Header.Get("Content-Type") == envelope.ContentType {
		resp.Body = envelope.NewReader(resp.Body, maxMessage, envelope.Patience)
	}
	return resp, err
}

// maxMessage is the longest message that is taken from a controller, unpacked:
// the definitions of a host with all that it is to do.
const maxMessage = 8 << 20

const (
	pingAfter   = 15 * time.Second // of silence
	pingTimeout = 15 * time.Second
	callTimeout = 30 * time.Second

	// comeTimeout is for the way to the first answer. When a controller comes back that
	// has crashed, its whole fleet is at its door at once, and is let in one after the
	// other: who goes away and comes again loses its place, and the work that was done
	// for it meanwhile is lost.
	comeTimeout = time.Minute
)

// transport speaks HTTP/2 and nothing else, over one connection. Pings end a
// half-open one: without them a cut cable looks like a quiet controller.
func (l *Link) transport(conf *tls.Config) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	return &http.Transport{
		TLSClientConfig:     conf,
		TLSHandshakeTimeout: comeTimeout,
		Proxy:               l.o.Proxy,
		Protocols:           protocols,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: pingAfter, PingTimeout: pingTimeout,
			WriteByteTimeout: pingAfter + pingTimeout,
			// A Report that the controller is slow to read must leave room for
			// Watch on the same connection.
			MaxReceiveBufferPerConnection: 4 << 20,
			MaxReceiveBufferPerStream:     1 << 20,
		},
	}
}

func (l *Link) hello(ctx context.Context, client fleetv1connect.FleetServiceClient) (*greeting, error) {
	ctx, cancel := context.WithTimeout(ctx, comeTimeout)
	defer cancel()
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("ask for the host's name: %w", err)
	}
	boot, err := jobdir.BootID()
	if err != nil {
		return nil, err
	}
	req := &fleetv1.HelloRequest{
		Protocol: version.Protocol, Version: version.String(),
		StateId: l.o.Identity.StateID, Now: timestamppb.New(l.o.Now()),
		Hostname: host, Borg: l.o.Borg(ctx), Draining: l.o.Jobs.Draining(),
		Name: l.o.Identity.Name, AgeRecipient: l.o.Recipient,
		BootId: boot, DaemonId: l.daemonID, Hooks: true,
	}
	req.RecoveryRecipient, _ = l.o.Jobs.RecoveryKey()
	l.o.Jobs.TakeChanged() // the Hello says all of it
	for _, d := range l.o.Jobs.Dirs() {
		js, err := stateOf(d)
		if err != nil {
			l.log.Error("no more can be said of a job than that it is held", "job", d.Key(), "err", err)
			js = held(d.Key())
		}
		req.Jobs = append(req.Jobs, js)
	}
	for _, key := range l.o.Jobs.Damaged() {
		req.Jobs = append(req.Jobs, held(key))
	}
	resp, err := client.Hello(ctx, req)
	if err != nil {
		return nil, err
	}
	return &greeting{said: req, heard: resp}, nil
}

// greeting is a Hello and its answer.
type greeting struct {
	said  *fleetv1.HelloRequest
	heard *fleetv1.HelloResponse
}

// held names a job that cannot be read now. What Hello leaves out counts as
// lost, and borg may well be running.
func held(key job.Key) *fleetv1.JobState { return &fleetv1.JobState{Key: key[:]} }

func stateOf(d *jobdir.Dir) (*fleetv1.JobState, error) {
	reg, err := d.Register()
	if err != nil {
		return nil, err
	}
	next, err := d.JournalNext()
	if err != nil {
		return nil, err
	}
	id, err := d.ID()
	if err != nil {
		return nil, err
	}
	key := d.Key()
	return &fleetv1.JobState{Key: key[:], Id: id, Register: wire.FromRegister(reg), Next: next}, nil
}
