package link

import (
	"context"
	"syscall"
	"testing"

	"connectrpc.com/connect"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestADiskThatRefusesKeepsTheConnection: what it refused is not confirmed, nor is
// what comes behind it, until the controller has said all of it again.
func TestADiskThatRefusesKeepsTheConnection(t *testing.T) {
	j := newJobs(t)
	j.wake = make(chan struct{}, 1)
	key, asked := j.make(job.PhaseStarted).Key(), make(chan struct{})
	j.apply = func(m *fleetv1.WatchResponse) error {
		switch m.Revision {
		case 1:
			return syscall.ENOSPC
		case 3: // now it is decided what is confirmed of the second
			j.change(key, true)
			<-asked
		}
		return nil
	}
	confirmed := make(chan uint64, 1)
	l := dial(t, &controller{
		watch: func(ctx context.Context, s *connect.ServerStream[fleetv1.WatchResponse]) error {
			for _, m := range []*fleetv1.WatchResponse{
				{Revision: 1, Snapshot: true}, {Revision: 2}, {Revision: 3, Snapshot: true},
			} {
				if err := s.Send(m); err != nil {
					return err
				}
			}
			<-ctx.Done()
			return ctx.Err()
		},
		report: func(ctx context.Context, s *connect.BidiStream[fleetv1.ReportRequest, fleetv1.ReportResponse]) error {
			for ctx.Err() == nil {
				m, err := s.Receive()
				if err != nil {
					return err
				}
				if len(m.Jobs) > 0 {
					confirmed <- m.AppliedRevision
					close(asked)
				} else if m.AppliedRevision > 0 {
					confirmed <- m.AppliedRevision
				}
			}
			return ctx.Err()
		},
	}, j)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.connect(ctx) }()
	for _, want := range []uint64{0, 3} {
		select {
		case got := <-confirmed:
			if got != want {
				t.Errorf("confirmed is %d, want %d", got, want)
			}
		case err := <-ended:
			t.Fatalf("the connection ended: %v", err)
		}
	}
	cancel()
	<-ended
}
