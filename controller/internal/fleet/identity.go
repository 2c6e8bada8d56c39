package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"borgfleet/certs"
	"borgfleet/controller/internal/fault"
	"borgfleet/shared/crowd"
	"borgfleet/shared/envelope"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
	"borgfleet/shared/wire"
)

// maxMessage limits what an agent may send in one message. A Hello lists every
// job directory, a Report carries at most a batch and one record.
const maxMessage = 8 << 20

// callTime is how long the message of a call that is no stream may take.
const callTime = 30 * time.Second

func unary(path string) bool {
	return path == fleetv1connect.FleetServiceHelloProcedure || path == fleetv1connect.FleetServiceRenewProcedure
}

type identityKey struct{}

// Handler serves fleet.v1. In front of everything stands the identity check: a
// connection without a current certificate of this fleet reaches Enroll and
// Recover and nothing else, and is refused before a byte of its message is
// decoded. No message may be packed, see wire.Limits.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	path, rpc := fleetv1connect.NewFleetServiceHandler(s.rpc(), connect.WithReadMaxBytes(maxMessage), connect.WithCodec(wire.Codec{}), connect.WithCompression("gzip", nil, nil))
	mux.Handle(path, rpc)
	errs := connect.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(s.audit.Begin(r.Context(), hostPart(r.RemoteAddr)))
		if gate := s.gates[r.URL.Path]; gate != nil {
			s.serveStranger(w, r, gate, mux, errs)
			return
		}
		id, err := s.identify(r)
		if err != nil {
			s.noteRefused(r, id, err)
			_ = errs.Write(w, r, fault.Connect(err))
			return
		}
		crowd.Known(r.Context(), id.AgentID)
		leave, err := s.measures.enter(id.AgentID)
		if err == nil {
			defer leave()
			err = s.measures.heard(id.AgentID, r.URL.Path, s.now())
		}
		if err != nil {
			_ = errs.Write(w, r, fault.Connect(err))
			return
		}
		if unary(r.URL.Path) {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(callTime))
		} else {
			r.Body = envelope.NewReader(r.Body, maxMessage, s.set.MessageStall)
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
	if errors.Is(err, certs.ErrExpired) {
		return certs.Identity{}, fault.New(fault.Unauthenticated, wire.CodeCertificateExpired, "%s", err)
	}
	if err != nil {
		return certs.Identity{}, fault.New(fault.Unauthenticated, "no_identity", "%s", err)
	}
	err = s.admit(id)
	if err != nil && fault.Of(err).Code == codeLost {
		s.log.Warn("an agent from after the backup was refused", "agent", id.AgentID, "from", r.RemoteAddr, "err", err)
	}
	if r.URL.Path == fleetv1connect.FleetServiceHelloProcedure && err != nil && fault.Of(err).Code == codeReplaced {
		s.noteProblem(r.Context(), id.AgentID, fmt.Sprintf("a host at %s came with an older certificate of this agent than its newest: its state directory was copied, or restored from a backup", hostPart(r.RemoteAddr)))
	}
	return id, err
}

func caller(ctx context.Context) (certs.Identity, error) {
	id, ok := ctx.Value(identityKey{}).(certs.Identity)
	if !ok {
		return certs.Identity{}, fault.New(fault.Unauthenticated, "no_identity", "no agent identity")
	}
	return id, nil
}
