package fleet

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect"

	"borgfleet/controller/internal/audit"
	"borgfleet/controller/internal/fault"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
)

// rpc is the wire edge of Service: it maps errors, and logs those that are ours.
type rpc struct{ s *Service }

func (s *Service) rpc() fleetv1connect.FleetServiceHandler { return rpc{s: s} }

func (r rpc) Enroll(ctx context.Context, req *fleetv1.EnrollRequest) (*fleetv1.EnrollResponse, error) {
	call := audit.Of(ctx)
	call.What(whatEnrol, true)
	call.Claims("", viaJoinToken)
	out, err := r.s.enrol(ctx, req)
	return out, r.answered(ctx, "enrol", err)
}

func (r rpc) Hello(ctx context.Context, req *fleetv1.HelloRequest) (*fleetv1.HelloResponse, error) {
	out, err := r.s.hello(ctx, req)
	return out, r.told("hello", err)
}

func (r rpc) Watch(ctx context.Context, req *fleetv1.WatchRequest, out *connect.ServerStream[fleetv1.WatchResponse]) error {
	return r.told("watch", r.s.serveWatch(ctx, req, out))
}

func (r rpc) Report(ctx context.Context, stream *connect.BidiStream[fleetv1.ReportRequest, fleetv1.ReportResponse]) error {
	return r.told("report", r.s.serveReport(ctx, stream))
}

func (r rpc) Renew(ctx context.Context, req *fleetv1.RenewRequest) (*fleetv1.RenewResponse, error) {
	audit.Of(ctx).What(whatRenew, true)
	out, err := r.s.renew(ctx, req)
	return out, r.answered(ctx, "renew", err)
}

func (r rpc) Recover(ctx context.Context, req *fleetv1.RecoverRequest) (*fleetv1.RecoverResponse, error) {
	audit.Of(ctx).What(whatRecover, true)
	out, err := r.s.recoverAgent(ctx, req)
	return out, r.answered(ctx, "recover", err)
}

// answered is told for a call that changes something: its entry in the audit log
// is on the disk before the agent hears.
func (r rpc) answered(ctx context.Context, what string, err error) error {
	status, code := http.StatusOK, ""
	if err != nil {
		status, code = fault.Status(err), fault.Of(err).Code
	}
	r.s.audit.Answer(ctx, status, code)
	return r.told(what, err)
}

// told maps an error through the one table; what is already a Connect error
// (a cut stream, an ended epoch) passes.
func (r rpc) told(what string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*connect.Error](err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return connect.NewError(connect.CodeCanceled, err)
	}
	if fault.Of(err).Kind == fault.Internal {
		r.s.log.Error(what, "err", err)
	}
	return fault.Connect(err)
}
