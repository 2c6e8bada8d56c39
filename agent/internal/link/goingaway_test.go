package link

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// stopping is a controller that takes agents in, and goes away when told.
func stopping(t *testing.T, bye <-chan error, hellos *atomic.Int32) *controller {
	return &controller{
		watch: func(ctx context.Context, s *connect.ServerStream[fleetv1.WatchResponse]) error {
			hellos.Add(1)
			if err := s.Send(&fleetv1.WatchResponse{Revision: 1, Snapshot: true}); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		},
		report: func(ctx context.Context, s *connect.BidiStream[fleetv1.ReportRequest, fleetv1.ReportResponse]) error {
			if _, err := s.Receive(); err != nil {
				return err
			}
			select {
			case err := <-bye:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
}

// TestGoingAway: the agent comes back when it was told to, not before, and says
// so meanwhile; and it does not stay away for longer than it would itself.
func TestGoingAway(t *testing.T) {
	for name, c := range map[string]struct {
		told, most time.Duration
		says       string
		back       bool
	}{
		"obeyed":   {time.Hour, 2 * time.Hour, "back in 3600 s", false},
		"bounded":  {time.Hour, 50 * time.Millisecond, "", true},
		"at once":  {-time.Hour, time.Hour, "", true},
		"in order": {100 * time.Millisecond, time.Hour, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			j, bye, hellos := newJobs(t), make(chan error, 1), &atomic.Int32{}
			l := dial(t, stopping(t, bye, hellos), j)
			l.o.Backoff = Backoff{Min: time.Hour, Max: time.Hour, Reset: time.Hour, Refused: time.Hour, Told: c.most}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { l.Run(ctx); close(ended) }()
			defer func() { cancel(); <-ended }()
			awaitLinked(t, j, true)
			began := time.Now()
			bye <- wire.GoingAway(errEnded, c.told)
			awaitLinked(t, j, false) // contact is lost when it is lost
			if c.back {
				awaitLinked(t, j, true)
				if early := min(c.told, c.most) - time.Since(began); early > 0 {
					t.Errorf("came back %s too early", early)
				}
				return
			}
			await(t, "the status to say so", func() bool { return strings.Contains(l.Status(), c.says) })
			if n := hellos.Load(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func awaitLinked(t *testing.T, j *jobs, want bool) {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case linked := <-j.linked:
			if linked == want {
				return
			}
		case <-limit:
			t.Fatalf("not linked: %v", want)
		}
	}
}

// TestAnEndThatSendSeesFirst must not hide what the controller said: Send only
// learns that the stream is over.
func TestAnEndThatSendSeesFirst(t *testing.T) {
	j := newJobs(t)
	j.wake = make(chan struct{}, 1)
	bye := make(chan error, 1)
	l := dial(t, stopping(t, bye, &atomic.Int32{}), j)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var talking atomic.Bool
	talking.Store(true)
	done := make(chan struct{})
	go func() { // there is always something to say
		defer close(done)
		for talking.Load() {
			j.draining.Store(!j.draining.Load())
			signal(j.wake)
			time.Sleep(100 * time.Microsecond)
		}
	}()
	for range 20 {
		go func() {
			for linked := range j.linked {
				if linked {
					bye <- wire.GoingAway(errEnded, 7*time.Second)
					return
				}
			}
		}()
		err := l.connect(ctx)
		if after, told := wire.ComeBack(err, time.Minute); !told || after != 7*time.Second {
			t.Fatalf("told %v, %s: %v", told, after, err)
		}
	}
	talking.Store(false)
	<-done
}

// TestDrainingIsSaid in the first message and whenever it changes, once.
func TestDrainingIsSaid(t *testing.T) {
	j := newJobs(t)
	r := newRig(j)
	r.outbox.c.hello = &greeting{heard: &fleetv1.HelloResponse{Epoch: "e"}}
	j.draining.Store(true)
	if m := r.outbox.first(); !m.Draining || m.Epoch != "e" {
		t.Errorf("%v", m)
	}
	silent := func() {
		t.Helper()
		if m, _, err := r.outbox.next(); err != nil || m != nil {
			t.Errorf("%v, %v", m, err)
		}
	}
	silent()
	j.draining.Store(false)
	if m, _, err := r.outbox.next(); err != nil || m == nil || m.Draining {
		t.Errorf("%v, %v", m, err)
	}
	silent()
	client := &heard{}
	j.draining.Store(true)
	_, err := r.link.hello(t.Context(), client)
	must(t, err)
	if !client.hello.Draining {
		t.Error("the Hello says nothing of it")
	}
}
