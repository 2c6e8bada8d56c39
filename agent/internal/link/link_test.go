package link

import (
	"context"
	"testing"

	"connectrpc.com/connect"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestHelloNamesWhatItCannotRead: what it leaves out, the controller gives up.
func TestHelloNamesWhatItCannotRead(t *testing.T) {
	j := newJobs(t)
	good, bad, damaged := j.make(job.PhaseAccepted), j.make(job.PhaseAccepted), newKey(t)
	j.damaged = []job.Key{damaged}
	mend := spoil(t, bad, "status")
	r := newRig(j)
	client := &heard{}
	hello, err := r.link.hello(t.Context(), client)
	must(t, err)
	known := map[job.Key]bool{}
	for _, js := range client.hello.Jobs {
		known[job.Key(js.Key)] = js.Register != nil
	}
	want := map[job.Key]bool{good.Key(): true, bad.Key(): false, damaged: false}
	for key, register := range want {
		if got, ok := known[key]; !ok || got != register {
			t.Errorf("%s: named %v, with register %v, want %v", key, ok, got, register)
		}
	}

	// Its register follows as soon as it can be read.
	key, other := bad.Key(), damaged
	hello.heard.Jobs = []*fleetv1.JobAnswer{
		{Key: key[:], Action: fleetv1.JobAnswer_ACTION_KEEP, Next: 1},
		{Key: other[:], Action: fleetv1.JobAnswer_ACTION_KEEP, Next: 1},
	}
	r.outbox = newOutbox(newConnection(r.link, nil, hello))
	must(t, r.outbox.begin())
	r.wantReports(t, 0)
	mend()
	j.end(bad)
	r.pass(retryRead)
	if m := r.wantReports(t, 1); m[0].Register.GetVerdict() == nil {
		t.Errorf("%v", m[0])
	}
}

// TestALinkThatOnlySendsIsNoContact: the controller has not taken anything yet,
// and the time since when it is away must go on.
func TestALinkThatOnlySendsIsNoContact(t *testing.T) {
	j := newJobs(t)
	l := dial(t, &controller{
		watch: func(ctx context.Context, _ *connect.ServerStream[fleetv1.WatchResponse]) error {
			<-ctx.Done()
			return ctx.Err()
		},
		report: func(_ context.Context, s *connect.BidiStream[fleetv1.ReportRequest, fleetv1.ReportResponse]) error {
			if _, err := s.Receive(); err != nil {
				return err
			}
			return connect.NewError(connect.CodeUnavailable, errEnded)
		},
	}, j)
	if err := l.connect(t.Context()); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("err %v", err)
	}
	if l.Status() == "" {
		t.Error("says that it is up")
	}
	select {
	case linked := <-j.linked:
		t.Errorf("linked: %v", linked)
	default:
	}
}

// TestWhatIsTriedAgain: a controller that has heard too much is asked again soon,
// and one that will say the same again is not.
func TestWhatIsTriedAgain(t *testing.T) {
	for code, want := range map[connect.Code]bool{
		connect.CodeResourceExhausted: false, connect.CodeAborted: false, connect.CodeUnavailable: false, connect.CodeInternal: false,
		connect.CodePermissionDenied: true, connect.CodeFailedPrecondition: true, connect.CodeUnauthenticated: true,
	} {
		l := dial(t, &controller{
			watch: func(ctx context.Context, _ *connect.ServerStream[fleetv1.WatchResponse]) error {
				<-ctx.Done()
				return ctx.Err()
			},
			report: func(context.Context, *connect.BidiStream[fleetv1.ReportRequest, fleetv1.ReportResponse]) error {
				return connect.NewError(code, errEnded)
			},
		}, newJobs(t))
		if err := l.connect(t.Context()); connect.CodeOf(err) != code || refused(err) != want {
			t.Errorf("%s: %v, refused for long: %v", code, err, refused(err))
		}
	}
}

// TestContact is a word from either stream.
func TestContact(t *testing.T) {
	silent := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for name, c := range map[string]*controller{
		"snapshot": {
			watch: func(ctx context.Context, s *connect.ServerStream[fleetv1.WatchResponse]) error {
				if err := s.Send(&fleetv1.WatchResponse{Revision: 1, Snapshot: true}); err != nil {
					return err
				}
				return silent(ctx)
			},
			report: func(ctx context.Context, _ *connect.BidiStream[fleetv1.ReportRequest, fleetv1.ReportResponse]) error {
				return silent(ctx)
			},
		},
		"answer": {
			watch: func(ctx context.Context, _ *connect.ServerStream[fleetv1.WatchResponse]) error { return silent(ctx) },
			report: func(ctx context.Context, s *connect.BidiStream[fleetv1.ReportRequest, fleetv1.ReportResponse]) error {
				if err := s.Send(&fleetv1.ReportResponse{}); err != nil {
					return err
				}
				return silent(ctx)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJobs(t)
			l := dial(t, c, j)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- l.connect(ctx) }()
			if linked := <-j.linked; !linked || l.Status() != "" {
				t.Errorf("linked %v, status %q", linked, l.Status())
			}
			cancel()
			<-ended
			if len(j.linked) != 0 {
				t.Error("told twice")
			}
		})
	}
}

// TestAnswersAreBounded: a controller that answers for jobs that are none costs
// the connection, and no more memory.
func TestAnswersAreBounded(t *testing.T) {
	c := newConnection(nil, nil, nil)
	answer := func(n int) error {
		key, err := job.NewKey()
		must(t, err)
		return c.keep(&fleetv1.JobAnswer{Key: key[:], Next: uint64(n)})
	}
	for n := range job.MostUnreadAnswers + 1 {
		if err := answer(n); err != nil {
			t.Fatalf("after %d: %v", n, err)
		}
	}
	if err := answer(0); err == nil || len(c.answers) != job.MostUnreadAnswers+1 {
		t.Errorf("%d are kept, %v", len(c.answers), err)
	}
}
