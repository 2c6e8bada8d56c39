package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"borgfleet/agent/internal/state"
	"borgfleet/certs"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
	"borgfleet/shared/wire"
)

const day = 24 * time.Hour

// fleet is a controller with a certificate authority, behind real TLS: it
// judges certificates as the real one does, and keeps the lines of one job.
type fleet struct {
	t    *testing.T
	ca   *certs.Authority
	addr string
	*clock

	mu        sync.Mutex
	validFrom time.Time
	serials   []string // of the certificates that said Hello
	lines     []string
	wrong     []string      // what should not have been said
	ended     chan struct{} // closed when another epoch begins
	recovers  int
	renews    int
	renewErr  error // what Renew answers
}

type agentKey struct{}
type tlsKey struct{}

func newFleet(t *testing.T) *fleet {
	f := &fleet{t: t, clock: &clock{now: time.Now()}, ended: make(chan struct{})}
	var err error
	f.ca, err = certs.CreateAuthority(filepath.Join(t.TempDir(), "ca"), f.Now(), rand.Reader)
	must(t, err)
	conf, err := f.ca.ServerTLS(f.Now)
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	f.addr = listener.Addr().String()
	mux := http.NewServeMux()
	mux.Handle(fleetv1connect.NewFleetServiceHandler(f))
	server := &http.Server{Handler: f.identified(mux), TLSConfig: conf, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return f
}

func (f *fleet) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), tlsKey{}, r.TLS)
		if r.URL.Path != fleetv1connect.FleetServiceRecoverProcedure {
			id, err := certs.IdentityFromState(*r.TLS, f.ca.FleetID(), f.Now())
			if err != nil {
				_ = connect.NewErrorWriter().Write(w, r, refusal(err))
				return
			}
			ctx = context.WithValue(ctx, agentKey{}, id)
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func refusal(err error) error {
	e := connect.NewError(connect.CodeUnauthenticated, err)
	if errors.Is(err, certs.ErrExpired) {
		e.Meta().Set(wire.CodeHeader, wire.CodeCertificateExpired)
	}
	return e
}

func (f *fleet) Enroll(context.Context, *fleetv1.EnrollRequest) (*fleetv1.EnrollResponse, error) {
	return nil, connect.NewError(connect.CodeUnimplemented, nil)
}

func (f *fleet) Hello(ctx context.Context, req *fleetv1.HelloRequest) (*fleetv1.HelloResponse, error) {
	id := ctx.Value(agentKey{}).(certs.Identity)
	f.mu.Lock()
	defer f.mu.Unlock()
	if id.IssuedAt().Before(f.validFrom) {
		return nil, connect.NewError(connect.CodeUnauthenticated, errors.New("replaced"))
	}
	f.validFrom = id.IssuedAt()
	f.serials = append(f.serials, id.Serial)
	close(f.ended)
	f.ended = make(chan struct{})
	resp := &fleetv1.HelloResponse{Epoch: id.Serial}
	for _, js := range req.Jobs {
		resp.Jobs = append(resp.Jobs, f.answer(js.Key))
	}
	return resp, nil
}

func (f *fleet) answer(key []byte) *fleetv1.JobAnswer {
	return &fleetv1.JobAnswer{Key: key, Action: fleetv1.JobAnswer_ACTION_KEEP, Next: uint64(len(f.lines)) + 1, Follow: true}
}

func (f *fleet) epoch() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended
}

// wait ends like a stream of the real controller: with a newer epoch, with the
// connection, or within moments with the certificate.
func (f *fleet) wait(ctx context.Context) error {
	ended := f.epoch()
	for {
		select {
		case <-ended:
			return connect.NewError(connect.CodeAborted, errEnded)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
		if _, err := certs.IdentityFromState(*ctx.Value(tlsKey{}).(*tls.ConnectionState), f.ca.FleetID(), f.Now()); err != nil {
			return refusal(err)
		}
	}
}

func (f *fleet) Watch(ctx context.Context, _ *fleetv1.WatchRequest, s *connect.ServerStream[fleetv1.WatchResponse]) error {
	if err := s.Send(&fleetv1.WatchResponse{Revision: 1, Snapshot: true}); err != nil {
		return err
	}
	return f.wait(ctx)
}

func (f *fleet) Report(ctx context.Context, s *connect.BidiStream[fleetv1.ReportRequest, fleetv1.ReportResponse]) error {
	var sending sync.Mutex // not beyond the handler's end, which ends the stream under a Send
	over := false
	go func() {
		for {
			m, err := s.Receive()
			if err != nil {
				return
			}
			resp := &fleetv1.ReportResponse{}
			for _, r := range m.Jobs {
				resp.Jobs = append(resp.Jobs, f.take(r))
			}
			sending.Lock()
			if !over {
				_ = s.Send(resp)
			}
			sending.Unlock()
		}
	}()
	err := f.wait(ctx)
	sending.Lock()
	defer sending.Unlock()
	over = true
	return err
}

func (f *fleet) take(r *fleetv1.JobReport) *fleetv1.JobAnswer {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, rec := range r.Records {
		switch next := uint64(len(f.lines)) + 1; {
		case rec.Number == next:
			f.lines = append(f.lines, rec.Text)
		case rec.Number > next:
			f.wrong = append(f.wrong, "a hole before "+rec.Text)
		}
	}
	return f.answer(r.Key)
}

func (f *fleet) Renew(ctx context.Context, req *fleetv1.RenewRequest) (*fleetv1.RenewResponse, error) {
	f.mu.Lock()
	f.renews++
	err := f.renewErr
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	chain, _, err := f.ca.SignAgent(req.Csr, ctx.Value(agentKey{}).(certs.Identity).AgentID, f.Now())
	return &fleetv1.RenewResponse{Chain: chain, Root: f.ca.Root()}, err
}

func (f *fleet) Recover(ctx context.Context, req *fleetv1.RecoverRequest) (*fleetv1.RecoverResponse, error) {
	f.mu.Lock()
	f.recovers++
	f.mu.Unlock()
	state := ctx.Value(tlsKey{}).(*tls.ConnectionState)
	if len(state.PeerCertificates) != 0 {
		return nil, connect.NewError(connect.CodeInvalidArgument, errors.New("a certificate was shown"))
	}
	id, err := f.ca.CheckRecover(req.Chain, req.Csr, req.Proof, state.ExportKeyingMaterial, f.Now())
	if err != nil {
		return nil, refusal(err)
	}
	chain, _, err := f.ca.SignAgent(req.Csr, id.AgentID, f.Now())
	return &fleetv1.RecoverResponse{Chain: chain, Root: f.ca.Root()}, err
}

// counts gives how often Hello, Renew and Recover were asked.
func (f *fleet) counts() (hellos, renews, recovers int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.serials), f.renews, f.recovers
}

// host is an agent of the fleet, with a clock of its own and a file.
type host struct {
	*clock
	link *Link
	jobs *jobs
	file string
}

// host makes an agent; change may change its options.
func (f *fleet) host(change ...func(*Options)) *host {
	f.t.Helper()
	key, csr, err := certs.NewKeyAndCSR(rand.Reader)
	must(f.t, err)
	chain, _, err := f.ca.SignAgent(csr, "0f1e2d3c-0000-4000-8000-000000000001", f.Now())
	must(f.t, err)
	cred, err := certs.NewCredential(key, chain, f.ca.Root(), f.ca.RootFingerprint(), f.Now())
	must(f.t, err)
	h := &host{clock: f.clock, jobs: newJobs(f.t), file: filepath.Join(f.t.TempDir(), "credential.pem")}
	h.jobs.wake = make(chan struct{}, 1)
	must(f.t, cred.Save(h.file))
	o := Options{
		Identity: state.Identity{ControllerURL: "https://" + f.addr}, Credential: cred,
		Save: func(c *certs.Credential) error { return c.Save(h.file) },
		Jobs: h.jobs, Now: func() time.Time { return h.Now() }, Logger: slog.New(slog.DiscardHandler),
		Borg:    func(context.Context) []*fleetv1.BorgBinary { return nil },
		Backoff: Backoff{Min: time.Millisecond, Max: 2 * time.Millisecond, Reset: time.Hour, Refused: 5 * time.Millisecond},
		Renewal: Renewal{Check: time.Millisecond, Min: time.Minute, Max: time.Hour, Gap: time.Hour, Jitter: func() float64 { return 0 }},
	}
	for _, c := range change {
		c(&o)
	}
	h.link = New(o)
	return h
}

// run dials until the test ends.
func (h *host) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.link.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func (h *host) serial(t *testing.T) string {
	t.Helper()
	c, err := certs.LoadCredential(h.file)
	must(t, err)
	return c.Identity().Serial
}

func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
