package fleet

import (
	"context"
	"crypto"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/certs"
	"borgfleet/controller/internal/audit"
	revocations "borgfleet/controller/internal/revoked"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
	"borgfleet/shared/seal"
	"borgfleet/shared/version"
	"borgfleet/shared/wire"
)

// rig is a controller's fleet behind its real TLS listener, with a clock that
// the test sets.
type rig struct {
	t    *testing.T
	s    *Service
	st   *store.Store
	ca   *certs.Authority
	shut *revocations.List
	url  string

	mu  sync.Mutex
	now time.Time // guarded by mu
}

func newRig(t *testing.T) *rig { return newRigAt(t, time.Now()) }

func newRigAt(t *testing.T, now time.Time) *rig {
	t.Helper()
	r := &rig{t: t, now: now}
	dir := t.TempDir()
	var err error
	if r.ca, err = certs.CreateAuthority(filepath.Join(dir, "ca"), r.now, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if r.shut, err = revocations.Open(filepath.Join(dir, revocations.Name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.shut.Close() })
	r.serve(filepath.Join(dir, "store"))
	return r
}

// serve opens the store and the door in front of it.
func (r *rig) serve(dir string) {
	t := r.t
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	var err error
	if r.st, err = store.Open(dir, store.Options{Logger: log}); err != nil {
		t.Fatal(err)
	}
	st := r.st
	t.Cleanup(func() { st.Close() })
	set := DefaultSettings()
	set.CancelWait, set.InitWait = 100*time.Millisecond, 10*time.Second
	set.AnswerWait = answerWait
	set.ListWait, set.ContentsWait = 10*time.Second, 10*time.Second
	r.s = New(Options{Store: r.st, Authority: r.ca, ShutOut: r.shut, Audit: audit.New(audit.Options{Store: r.st, Logger: log, Now: r.clock}), AgentURL: "https://127.0.0.1:1", Settings: set, Logger: log, Now: r.clock})
	r.keep()
	conf, err := r.ca.ServerTLS(r.clock)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: r.s.Handler(), TLSConfig: conf, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- srv.ServeTLS(l, "", "") }()
	r.url = "https://" + l.Addr().String()
	s := r.s
	t.Cleanup(func() {
		s.endSessions()
		srv.Close()
		<-served
	})
}

// keep takes lists in, as Run does, until the test ends.
func (r *rig) keep() {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	s := r.s
	done.Go(func() { s.keepCatalogue(ctx) })
	r.t.Cleanup(func() { cancel(); done.Wait() })
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	r.now = r.now.Add(d)
	r.mu.Unlock()
	r.s.sweep(r.t.Context())
}

// puppet is an agent that does what the test says.
type puppet struct {
	t      *testing.T
	rig    *rig
	id     string
	cred   *certs.Credential
	client fleetv1connect.FleetServiceClient
	http   *http.Transport

	daemon string // that its Hello names; empty: an older agent
	boot   string

	epoch  string
	watch  chan *fleetv1.WatchResponse
	answer chan *fleetv1.JobAnswer
	stream interface {
		Send(*fleetv1.ReportRequest) error
	}
	broke      chan error // why Report ended
	watchBroke chan error // why Watch ended
	hang       context.CancelFunc
	now        func() time.Time // what its Hello says
	told       map[int64]string // see hears
	hooks      bool             // it says that it runs hooks
}

func (r *rig) transport(conf func() *http.Transport) *http.Transport {
	tr := conf()
	tr.ForceAttemptHTTP2 = true
	r.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func (r *rig) stranger() fleetv1connect.FleetServiceClient {
	tr := r.transport(func() *http.Transport {
		return &http.Transport{TLSClientConfig: certs.EnrollTLS(r.ca.RootFingerprint(), r.clock)}
	})
	return fleetv1connect.NewFleetServiceClient(&http.Client{Transport: tr}, r.url)
}

func (r *rig) token(req JoinTokenRequest) string {
	r.t.Helper()
	tok, err := r.s.CreateJoinToken(r.t.Context(), req)
	if err != nil {
		r.t.Fatal(err)
	}
	return tok.Token
}

func (r *rig) enrolWith(token, name string, key crypto.Signer) (*fleetv1.EnrollResponse, error) {
	r.t.Helper()
	csr, err := certs.NewCSR(key, rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	sealing, err := seal.NewIdentity()
	if err != nil {
		r.t.Fatal(err)
	}
	return r.stranger().Enroll(r.t.Context(), &fleetv1.EnrollRequest{
		Token: token, Csr: csr, Name: name, Hostname: "host-" + name, AgeRecipient: sealing.Recipient(), Version: "test",
	})
}

// agent enrols a puppet.
func (r *rig) agent(name string) *puppet {
	r.t.Helper()
	key, _, err := certs.NewKeyAndCSR(rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := r.enrolWith(r.token(JoinTokenRequest{}), name, key)
	if err != nil {
		r.t.Fatal(err)
	}
	cred, err := certs.NewCredential(key, resp.Chain, resp.Root, r.ca.RootFingerprint(), r.clock())
	if err != nil {
		r.t.Fatal(err)
	}
	return r.puppet(cred)
}

// puppet is an agent with a connection of its own.
func (r *rig) puppet(cred *certs.Credential) *puppet {
	tr := r.transport(func() *http.Transport { return &http.Transport{TLSClientConfig: cred.ClientTLS(r.clock)} })
	return &puppet{
		t: r.t, rig: r, id: cred.Identity().AgentID, cred: cred, http: tr, now: r.clock,
		client: fleetv1connect.NewFleetServiceClient(&http.Client{Transport: tr}, r.url),
	}
}

func (p *puppet) hello(stateID string, jobs ...*fleetv1.JobState) *fleetv1.HelloResponse {
	p.t.Helper()
	resp, err := p.client.Hello(p.t.Context(), &fleetv1.HelloRequest{
		Protocol: version.Protocol, Version: "test", StateId: stateID, Hostname: "h", Jobs: jobs, Now: timestamppb.New(p.now()),
		DaemonId: p.daemon, BootId: p.boot, Hooks: p.hooks,
	})
	if err != nil {
		p.t.Fatalf("hello: %v", err)
	}
	p.epoch = resp.Epoch
	return resp
}

// connect says Hello and opens both streams; it returns once the controller
// holds the agent for online.
func (p *puppet) connect(stateID string, jobs ...*fleetv1.JobState) *fleetv1.HelloResponse {
	p.t.Helper()
	resp := p.hello(stateID, jobs...)
	ctx, cancel := context.WithCancel(p.t.Context())
	p.watch = make(chan *fleetv1.WatchResponse, 100)
	p.answer = make(chan *fleetv1.JobAnswer, 100)
	p.broke, p.watchBroke = make(chan error, 2), make(chan error, 1)
	told, answers := p.watch, p.answer // of this connection
	watch, err := p.client.Watch(ctx, &fleetv1.WatchRequest{Epoch: p.epoch})
	if err != nil {
		p.t.Fatalf("watch: %v", err)
	}
	watchBroke := p.watchBroke
	go func() {
		for watch.Receive() {
			told <- watch.Msg()
		}
		watchBroke <- watch.Err()
	}()
	report, err := p.client.Report(ctx)
	if err != nil {
		p.t.Fatalf("report: %v", err)
	}
	p.stream = report
	// net/http looks at a request's context only between two reads of its body,
	// so hanging up takes an end of the body as well.
	p.hang = func() {
		cancel()
		_ = report.CloseRequest()
	}
	p.t.Cleanup(p.hang)
	broke := p.broke
	go func() {
		for {
			m, err := report.Receive()
			if err != nil {
				broke <- err
				return
			}
			for _, a := range m.Jobs {
				answers <- a
			}
		}
	}()
	if err := report.Send(&fleetv1.ReportRequest{Epoch: p.epoch}); err != nil {
		p.t.Fatalf("report: %v", err)
	}
	p.rig.await("agent online", func() bool { return p.rig.s.online(p.id) })
	return resp
}

func (p *puppet) disconnect() {
	p.t.Helper()
	p.hang()
	p.rig.await("agent offline", func() bool { return !p.rig.s.online(p.id) })
}

func (p *puppet) send(r *fleetv1.JobReport) {
	p.t.Helper()
	if err := p.stream.Send(&fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{r}}); err != nil {
		p.t.Fatalf("report: %v", err)
	}
}

func (p *puppet) next(what string) *fleetv1.JobAnswer {
	p.t.Helper()
	select {
	case a := <-p.answer:
		return a
	case err := <-p.broke:
		p.t.Fatalf("%s: the stream ended: %v", what, err)
	case <-time.After(10 * time.Second):
		p.t.Fatalf("%s: no answer", what)
	}
	return nil
}

// order waits for an order about a job.
func (p *puppet) order(id int64) *fleetv1.Order {
	p.t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case m := <-p.watch:
			for _, o := range m.Orders {
				if o.Id == id {
					return o
				}
			}
		case <-timeout:
			p.t.Fatalf("no order for job %d", id)
		}
	}
}

func (r *rig) await(what string, cond func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// repository registers a repository that is ready, without borg.
func (r *rig) repository(p *puppet, path string) store.Repository {
	r.t.Helper()
	var repo store.Repository
	err := r.st.Update(r.t.Context(), func(tx *store.Tx) error {
		id := tx.NewRepositoryID()
		repo = store.Repository{Repository: job.Repository{ID: id, Name: path, Path: path, Encryption: "none"}, Agent: p.id, Status: store.RepositoryReady}
		return tx.PutRepository(repo)
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return repo
}

func (r *rig) start(path, agent string) job.Job {
	r.t.Helper()
	j, err := r.s.Start(r.t.Context(), StartRequest{Repository: path, Agent: agent, By: "test"})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.job(j.ID)
}

func (r *rig) job(id int64) job.Job {
	r.t.Helper()
	j, err := r.s.load(id)
	if err != nil {
		r.t.Fatal(err)
	}
	return j
}

func (r *rig) waiting(id int64) string {
	r.t.Helper()
	v, err := r.s.Job(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return v.WaitingFor
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func register(ver uint64, phase job.Phase, status job.Status) *fleetv1.Register {
	r := job.Register{Incarnation: 1, Version: ver, Phase: phase}
	if phase >= job.PhaseStarted {
		r.StartedAt = time.Now()
	}
	if status != "" {
		r.Verdict = &job.Verdict{Status: status, StartedAt: time.Now(), EndedAt: time.Now()}
	}
	return wire.FromRegister(r)
}

func records(first uint64, texts ...string) []*fleetv1.Record {
	var out []*fleetv1.Record
	for i, s := range texts {
		out = append(out, wire.FromRecord(job.Record{Number: first + uint64(i), Time: time.Now(), Level: job.LevelInfo, Source: "borg", Text: s}))
	}
	return out
}
