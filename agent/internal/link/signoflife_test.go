package link

import (
	"context"
	"testing"
	"time"

	"connectrpc.com/connect"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestASignOfLife comes from a host on which nothing happens, again and again.
func TestASignOfLife(t *testing.T) {
	got := make(chan *fleetv1.ReportRequest)
	l := dial(t, &controller{
		watch: func(ctx context.Context, _ *connect.ServerStream[fleetv1.WatchResponse]) error {
			<-ctx.Done()
			return ctx.Err()
		},
		report: func(ctx context.Context, s *connect.BidiStream[fleetv1.ReportRequest, fleetv1.ReportResponse]) error {
			for {
				m, err := s.Receive()
				if err != nil {
					return err
				}
				select {
				case got <- m:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		},
	}, newJobs(t))
	l.signOfLife = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.connect(ctx) }()
	defer func() { cancel(); <-ended }()
	for i := range 3 {
		select {
		case m := <-got:
			if (m.Epoch != "") != (i == 0) || len(m.Jobs) != 0 {
				t.Errorf("message %d: %v", i, m)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("only %d messages", i)
		}
	}
}

// TestWhoSpeaksNeedsNoSign: it counts from what was said last.
func TestWhoSpeaksNeedsNoSign(t *testing.T) {
	c := &clock{now: time.Now()}
	v := voice{every: time.Second, now: c.Now, spoke: c.Now()}
	word := &fleetv1.ReportRequest{Epoch: "e"}
	c.pass(time.Second - 1)
	if v.orSign(nil) != nil {
		t.Error("a sign before its time")
	}
	if v.orSign(word) != word {
		t.Error("the word is lost")
	}
	c.pass(time.Second - 1)
	if v.orSign(nil) != nil {
		t.Error("a sign just after a word")
	}
	soon := c.Now()
	if got := v.orDue(soon); !got.Equal(soon) {
		t.Errorf("wakes at %s", got)
	}
	if got := v.orDue(time.Time{}); !got.Equal(v.due()) {
		t.Errorf("wakes at %s", got)
	}
	c.pass(1)
	if m := v.orSign(nil); m == nil || m.Epoch != "" {
		t.Errorf("got %v", m)
	}
}
