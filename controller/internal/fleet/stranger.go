package fleet

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/time/rate"

	"borgfleet/controller/internal/fault"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
)

// Limits of what a connection without an agent's certificate may do.
const (
	strangerBody    = 64 << 10
	strangerTime    = 10 * time.Second
	strangerBurst   = 10
	strangerRate    = rate.Limit(1) // a second and address, after the burst
	gateKnownAtMost = 10_000
)

type connectionKey struct{}

// newGates are the only calls that a stranger reaches. Each has a gate of its
// own: hosts that come back all at once must not keep new ones out.
func newGates() map[string]*gate {
	return map[string]*gate{
		fleetv1connect.FleetServiceEnrollProcedure:  newGate(),
		fleetv1connect.FleetServiceRecoverProcedure: newGate(),
	}
}

// serveStranger keeps strangers small: little body, little time, few calls.
func (s *Service) serveStranger(w http.ResponseWriter, r *http.Request, g *gate, next http.Handler, errs *connect.ErrorWriter) {
	if !g.allow(r.RemoteAddr, s.now()) {
		_ = errs.Write(w, r, fault.Connect(fault.New(fault.TooMany, "too_often", "too many attempts from this address; wait a minute")))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), strangerTime)
	defer cancel()
	ctl := http.NewResponseController(w)
	_ = ctl.SetReadDeadline(time.Now().Add(strangerTime)) // not every transport has one; the context still ends it
	r.Body = http.MaxBytesReader(w, r.Body, strangerBody)
	next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, connectionKey{}, r.TLS)))
}

// connectionOf is the TLS connection that a stranger's call came on.
func connectionOf(ctx context.Context) (*tls.ConnectionState, error) {
	state, _ := ctx.Value(connectionKey{}).(*tls.ConnectionState)
	if state == nil {
		return nil, fault.New(fault.Unauthenticated, "no_connection", "this call needs TLS")
	}
	return state, nil
}

// gate limits attempts by address.
type gate struct {
	mu    sync.Mutex
	known map[string]*rate.Limiter // guarded by mu
}

func newGate() *gate { return &gate{known: map[string]*rate.Limiter{}} }

func (g *gate) allow(addr string, now time.Time) bool {
	host := hostPart(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.known) >= gateKnownAtMost {
		clear(g.known) // forgetting is cheaper than growing; a flood only gets its bursts again
	}
	l := g.known[host]
	if l == nil {
		l = rate.NewLimiter(strangerRate, strangerBurst)
		g.known[host] = l
	}
	return l.AllowN(now, 1)
}

// hostPart is an address without its port.
func hostPart(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}
