package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"connectrpc.com/connect"

	"borgfleet/certs"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
)

// Impostor is a controller that was taken over: it has the fleet's authority, and
// its agents come to it, but what it says is the test's.
type Impostor struct {
	fleetv1connect.UnimplementedFleetServiceHandler

	env    *Env
	addr   string
	server *http.Server
	served chan error

	mu       sync.Mutex
	raw      http.HandlerFunc // guarded by mu
	hellos   int              // guarded by mu
	watch    *connect.ServerStream[fleetv1.WatchResponse]
	report   func(*fleetv1.ReportResponse) error
	epoch    context.CancelFunc             // ends the streams that are open; guarded by mu
	revision uint64                         // newest that was said; guarded by mu
	applied  uint64                         // newest that was confirmed; guarded by mu
	states   map[job.Key]*fleetv1.Register  // newest of each job; guarded by mu
	answers  map[job.Key]*fleetv1.JobAnswer // what a Hello is answered; guarded by mu
	changed  chan struct{}                  // closed and replaced at each news; guarded by mu
}

// NewImpostor takes the controller's authority and listens. Seize brings agents
// to it.
func (e *Env) NewImpostor() (*Impostor, error) {
	ca, err := certs.OpenAuthority(filepath.Join(e.Controller.DataDir, "ca"))
	if err != nil {
		return nil, err
	}
	conf, err := ca.ServerTLS(time.Now)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &Impostor{
		env: e, addr: l.Addr().String(), served: make(chan error, 1),
		states: map[job.Key]*fleetv1.Register{}, answers: map[job.Key]*fleetv1.JobAnswer{}, changed: make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.Handle(fleetv1connect.NewFleetServiceHandler(i))
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	i.server = &http.Server{TLSConfig: conf, Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if raw := i.watchesRaw(); raw != nil && r.URL.Path == fleetv1connect.FleetServiceWatchProcedure {
			raw(w, r)
		} else {
			mux.ServeHTTP(w, r)
		}
	})}
	go func() { i.served <- i.server.ServeTLS(l, "", "") }()
	return i, nil
}

// AnswerWatch has Watch answered in bytes that no honest library writes; nil: as
// usual.
func (i *Impostor) AnswerWatch(raw http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.raw = raw
}

func (i *Impostor) watchesRaw() http.HandlerFunc {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.raw
}

// Close ends it.
func (i *Impostor) Close() error {
	err := i.server.Close()
	if e := <-i.served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// Lure makes the host's next connection end here.
func (i *Impostor) Lure(h *Host) {
	h.Proxy.To(i.addr)
	h.Proxy.Cut()
	h.Proxy.Restore()
}

// Seize lures the host and waits for it. It lures again after a while: an agent that
// is cut off right after its Hello may open its streams on another connection, and
// has no reason to say Hello once more.
func (i *Impostor) Seize(h *Host) error {
	before := i.Hellos()
	var err error
	for range 6 {
		i.Lure(h)
		if err = i.awaitFor(10*time.Second, "the agent watches", func() bool { return i.hellos > before && i.watch != nil && i.report != nil }); err == nil {
			return nil
		}
	}
	return err
}

// Release gives the host back to the true controller.
func (i *Impostor) Release(h *Host) error {
	h.Proxy.To(i.env.Controller.agents)
	h.Proxy.Cut()
	h.Proxy.Restore()
	return i.env.AwaitOnline(h.Name)
}

// Hellos is how often an agent came.
func (i *Impostor) Hellos() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hellos
}

// Say sends a piece of desired state as the next revision.
func (i *Impostor) Say(m *fleetv1.WatchResponse) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.revision++
	if m.Revision == 0 {
		m.Revision = i.revision
	}
	if i.watch == nil {
		return errors.New("no agent watches")
	}
	return i.watch.Send(m)
}

// Answer sends answers on the Report stream.
func (i *Impostor) Answer(m *fleetv1.ReportResponse) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.report == nil {
		return errors.New("no agent reports")
	}
	return i.report(m)
}

// AnswerHello is what the next Hello hears of a job.
func (i *Impostor) AnswerHello(a *fleetv1.JobAnswer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answers[job.Key(a.Key)] = a
}

// Confirmed waits until the agent says that all that was said is on its disk.
func (i *Impostor) Confirmed() error {
	return i.await("what was said is confirmed", func() bool { return i.applied == i.revision })
}

// Verdict waits until the agent has told how a job ended.
func (i *Impostor) Verdict(key job.Key) (*fleetv1.Verdict, error) {
	var v *fleetv1.Verdict
	err := i.await("job "+key.String()+" has ended", func() bool {
		v = i.states[key].GetVerdict()
		return v != nil
	})
	return v, err
}

// Reported is the newest register of a job; nil if none was told.
func (i *Impostor) Reported(key job.Key) *fleetv1.Register {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.states[key]
}

// await waits for a condition, which is asked with mu held.
func (i *Impostor) await(what string, cond func() bool) error {
	return i.awaitFor(patience, what, cond)
}

func (i *Impostor) awaitFor(patience time.Duration, what string, cond func() bool) error {
	end := time.NewTimer(patience)
	defer end.Stop()
	for {
		i.mu.Lock()
		ok, changed := cond(), i.changed
		i.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-end.C:
			return fmt.Errorf("waited %s in vain until %s", patience, what)
		}
	}
}

// news wakes who waits; mu is held.
func (i *Impostor) news() {
	close(i.changed)
	i.changed = make(chan struct{})
}

// Hello takes the agent in.
func (i *Impostor) Hello(_ context.Context, req *fleetv1.HelloRequest) (*fleetv1.HelloResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.epoch != nil {
		i.epoch()
	}
	i.epoch, i.watch, i.report, i.applied, i.revision = nil, nil, nil, 0, 0
	i.hellos++
	resp := &fleetv1.HelloResponse{Epoch: fmt.Sprint(i.hellos)}
	for _, js := range req.Jobs {
		key := job.Key(js.Key)
		i.states[key] = js.Register
		a := &fleetv1.JobAnswer{Key: js.Key, Action: fleetv1.JobAnswer_ACTION_KEEP, Next: 1}
		if said := i.answers[key]; said != nil {
			a = said
		}
		resp.Jobs = append(resp.Jobs, a)
	}
	i.news()
	return resp, nil
}

// open notes one of the epoch's streams and waits for its end.
func (i *Impostor) open(ctx context.Context, set func()) error {
	i.mu.Lock()
	ended, end := context.WithCancel(ctx)
	before := i.epoch
	i.epoch = func() {
		if before != nil {
			before()
		}
		end()
	}
	set()
	i.news()
	i.mu.Unlock()
	<-ended.Done()
	return connect.NewError(connect.CodeAborted, errors.New("over"))
}

// Watch keeps the stream for Say.
func (i *Impostor) Watch(ctx context.Context, _ *fleetv1.WatchRequest, s *connect.ServerStream[fleetv1.WatchResponse]) error {
	if err := s.Send(&fleetv1.WatchResponse{}); err != nil { // so that the agent knows it as open
		return err
	}
	return i.open(ctx, func() { i.watch = s })
}

// Report keeps the registers, and the stream for Answer.
func (i *Impostor) Report(ctx context.Context, s *connect.BidiStream[fleetv1.ReportRequest, fleetv1.ReportResponse]) error {
	go func() {
		for {
			m, err := s.Receive()
			if err != nil {
				return
			}
			i.heard(m)
		}
	}()
	return i.open(ctx, func() { i.report = s.Send })
}

func (i *Impostor) heard(m *fleetv1.ReportRequest) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.applied = max(i.applied, m.AppliedRevision)
	for _, r := range m.Jobs {
		if r.Register != nil {
			i.states[job.Key(r.Key)] = r.Register
		}
	}
	i.news()
}
