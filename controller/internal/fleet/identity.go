package fleet

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/time/rate"

	"borgfleet/certs"
	"borgfleet/controller/internal/fault"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
)

// Limits of what an agent may send in one message. A Hello lists every job
// directory, a Report carries at most a batch and one record.
const (
	maxMessage       = 8 << 20
	maxEnrolBody     = 64 << 10
	enrolTime        = 10 * time.Second
	enrolBurst       = 10
	enrolRate        = rate.Limit(1) // a second and address, after the burst
	enrolKnownAtMost = 10_000
)

type identityKey struct{}

// Handler serves fleet.v1. In front of everything stands the identity check: a
// connection without a current certificate of this fleet reaches Enroll and
// nothing else, and is refused before a byte of its message is decoded.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	path, rpc := fleetv1connect.NewFleetServiceHandler(s.rpc(), connect.WithReadMaxBytes(maxMessage))
	mux.Handle(path, rpc)
	errs := connect.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == fleetv1connect.FleetServiceEnrollProcedure {
			s.serveEnrol(w, r, mux, errs)
			return
		}
		id, err := s.identify(r)
		if err != nil {
			_ = errs.Write(w, r, fault.Connect(err))
			return
		}
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), identityKey{}, id)))
	})
}

// identify takes the agent's identity from the verified chain and from nothing
// else. A live connection goes on serving a certificate that has expired or
// was revoked meanwhile, so both are looked at on each call.
func (s *Service) identify(r *http.Request) (certs.Identity, error) {
	if r.TLS == nil {
		return certs.Identity{}, fault.New(fault.Unauthenticated, "no_certificate", "this listener needs TLS with an agent's certificate")
	}
	id, err := certs.IdentityFromState(*r.TLS, s.authority.FleetID(), s.now())
	if err != nil {
		return certs.Identity{}, fault.New(fault.Unauthenticated, "no_identity", "%s", err)
	}
	return id, s.admit(id)
}

// admit looks the agent up: it must be known, not revoked, and its certificate
// must not be older than the agent's valid_from.
func (s *Service) admit(id certs.Identity) error {
	a, ok := s.store.Agent(id.AgentID)
	switch {
	case !ok:
		return fault.New(fault.Unauthenticated, "agent_unknown",
			"agent %s is not enrolled in this fleet (any more); enrol it again with borgfleet-agent enroll", id.AgentID)
	case a.Revoked:
		return fault.New(fault.Forbidden, "agent_revoked", "agent %s has been revoked", a.Name)
	case id.IssuedAt().Before(a.ValidFrom):
		return fault.New(fault.Unauthenticated, "certificate_replaced", "this certificate of agent %s has been replaced by a newer one", a.Name)
	case !s.now().Before(id.NotAfter):
		return fault.New(fault.Unauthenticated, "certificate_expired", "the certificate of agent %s has expired", a.Name)
	}
	return nil
}

func caller(ctx context.Context) (certs.Identity, error) {
	id, ok := ctx.Value(identityKey{}).(certs.Identity)
	if !ok {
		return certs.Identity{}, fault.New(fault.Unauthenticated, "no_identity", "no agent identity")
	}
	return id, nil
}

// serveEnrol keeps strangers small: little body, little time, few calls.
func (s *Service) serveEnrol(w http.ResponseWriter, r *http.Request, next http.Handler, errs *connect.ErrorWriter) {
	if !s.enrolGate.allow(r.RemoteAddr, s.now()) {
		_ = errs.Write(w, r, fault.Connect(fault.New(fault.TooMany, "enrol_too_often", "too many attempts to enrol from this address; wait a minute")))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), enrolTime)
	defer cancel()
	ctl := http.NewResponseController(w)
	_ = ctl.SetReadDeadline(time.Now().Add(enrolTime)) // not every transport has one; the context still ends it
	r.Body = http.MaxBytesReader(w, r.Body, maxEnrolBody)
	next.ServeHTTP(w, r.WithContext(ctx))
}

// enrolGate limits attempts by address.
type enrolGate struct {
	mu    sync.Mutex
	known map[string]*rate.Limiter // guarded by mu
}

func newEnrolGate() *enrolGate { return &enrolGate{known: map[string]*rate.Limiter{}} }

func (g *enrolGate) allow(addr string, now time.Time) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.known) >= enrolKnownAtMost {
		clear(g.known) // forgetting is cheaper than growing; a flood only gets its bursts again
	}
	l := g.known[host]
	if l == nil {
		l = rate.NewLimiter(enrolRate, enrolBurst)
		g.known[host] = l
	}
	return l.AllowN(now, 1)
}
