package link

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/state"
	"borgfleet/certs"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
)

// jobs are directories without a daemon.
type jobs struct {
	t       *testing.T
	root    string
	damaged []job.Key
	linked  chan bool
	wake    chan struct{} // nil: nobody is woken

	draining atomic.Bool
	apply    func(*fleetv1.WatchResponse) error // nil: all goes well

	mu       sync.Mutex
	dirs     map[job.Key]*jobdir.Dir
	changed  map[job.Key]bool
	answered []*fleetv1.JobAnswer
}

func newJobs(t *testing.T) *jobs {
	return &jobs{
		t: t, root: t.TempDir(), linked: make(chan bool, 100),
		dirs: map[job.Key]*jobdir.Dir{}, changed: map[job.Key]bool{},
	}
}

func (j *jobs) make(phase job.Phase) *jobdir.Dir {
	j.t.Helper()
	now := time.Now()
	dir, err := jobdir.Create(j.root, newKey(j.t), job.Spec{
		Kind: job.Backup, Repository: job.Repository{ID: 7, Path: "/r"},
		CreatedAt: now, StartDeadline: now.Add(time.Hour), TriggeredBy: job.ByManual,
	}, phase)
	must(j.t, err)
	must(j.t, dir.SetID(42)) // the controller knows it
	j.dirs[dir.Key()] = dir
	return dir
}

// end gives a job a log and a verdict.
func (j *jobs) end(dir *jobdir.Dir, lines ...string) {
	j.t.Helper()
	journal, err := dir.OpenJournal(jobdir.Limits{MinFree: -1})
	must(j.t, err)
	for _, l := range lines {
		journal.Append(jobdir.Line{Record: job.Record{Level: job.LevelInfo, Source: "borg", Text: l}})
	}
	must(j.t, journal.Close())
	must(j.t, dir.WriteVerdict(job.Verdict{Status: job.Completed, EndedAt: time.Now(), JournalEnd: uint64(len(lines))}))
}

func (j *jobs) Dirs() (out []*jobdir.Dir) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, d := range j.dirs {
		out = append(out, d)
	}
	return out
}

func (j *jobs) Dir(key job.Key) (*jobdir.Dir, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	d, ok := j.dirs[key]
	return d, ok
}

func (j *jobs) change(key job.Key, again bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changed[key] = again
	if j.wake != nil {
		signal(j.wake)
	}
}

func (j *jobs) TakeChanged() map[job.Key]bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := j.changed
	j.changed = map[job.Key]bool{}
	return out
}

func (j *jobs) Damaged() []job.Key            { return j.damaged }
func (j *jobs) RecoveryKey() (string, string) { return "", "" }
func (j *jobs) Draining() bool                { return j.draining.Load() }
func (j *jobs) Wake() <-chan struct{}         { return j.wake }

func (j *jobs) Answer(a *fleetv1.JobAnswer) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.answered = append(j.answered, a)
	return nil
}

func (j *jobs) Apply(m *fleetv1.WatchResponse) error {
	if j.apply == nil {
		return nil
	}
	return j.apply(m)
}

// SetLinked must not wait: nobody looks at a link that fails and fails.
func (j *jobs) Held() ([]*fleetv1.Repository, uint64) { return nil, 0 }

func (j *jobs) SetLinked(linked bool) {
	select {
	case j.linked <- linked:
	default:
	}
}

// clock stands still until it is set.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	looks int // at it
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	return c.now
}

func (c *clock) looked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.looks
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is a link that is not dialled, with an outbox.
type rig struct {
	*clock
	link   *Link
	outbox *outbox
}

func newRig(j *jobs) *rig {
	r := &rig{clock: &clock{now: time.Now()}}
	r.link = New(Options{
		Jobs: j, Now: r.Now, Logger: slog.New(slog.DiscardHandler),
		Borg: func(context.Context) []*fleetv1.BorgBinary { return nil },
	})
	r.outbox = newOutbox(newConnection(r.link, nil, nil))
	return r
}

// heard is a client that keeps the Hello and has no answers.
type heard struct {
	fleetv1connect.FleetServiceClient
	hello *fleetv1.HelloRequest
}

func (h *heard) Hello(_ context.Context, req *fleetv1.HelloRequest) (*fleetv1.HelloResponse, error) {
	h.hello = req
	return &fleetv1.HelloResponse{Epoch: "e"}, nil
}

// controller plays the other side.
type controller struct {
	fleetv1connect.UnimplementedFleetServiceHandler
	watch  func(context.Context, *connect.ServerStream[fleetv1.WatchResponse]) error
	report func(context.Context, *connect.BidiStream[fleetv1.ReportRequest, fleetv1.ReportResponse]) error
}

func (c *controller) Hello(context.Context, *fleetv1.HelloRequest) (*fleetv1.HelloResponse, error) {
	return &fleetv1.HelloResponse{Epoch: "e"}, nil
}

func (c *controller) Watch(ctx context.Context, _ *fleetv1.WatchRequest, s *connect.ServerStream[fleetv1.WatchResponse]) error {
	return c.watch(ctx, s)
}

func (c *controller) Report(ctx context.Context, s *connect.BidiStream[fleetv1.ReportRequest, fleetv1.ReportResponse]) error {
	return c.report(ctx, s)
}

// dial makes a link to c, over real TLS.
func dial(t *testing.T, c *controller, j *jobs) *Link {
	t.Helper()
	ca, err := certs.CreateAuthority(filepath.Join(t.TempDir(), "ca"), time.Now(), rand.Reader)
	must(t, err)
	conf, err := ca.ServerTLS(time.Now)
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	mux := http.NewServeMux()
	mux.Handle(fleetv1connect.NewFleetServiceHandler(c))
	server := &http.Server{Handler: mux, TLSConfig: conf}
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	key, csr, err := certs.NewKeyAndCSR(rand.Reader)
	must(t, err)
	chain, _, err := ca.SignAgent(csr, "0f1e2d3c-0000-4000-8000-000000000001", time.Now())
	must(t, err)
	cred, err := certs.NewCredential(key, chain, ca.Root(), ca.RootFingerprint(), time.Now())
	must(t, err)
	return New(Options{
		Identity: state.Identity{ControllerURL: "https://" + listener.Addr().String()}, Credential: cred,
		Jobs: j, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Renewal: DefaultRenewal(),
		Borg: func(context.Context) []*fleetv1.BorgBinary { return nil },
	})
}

// spoil makes a file of a job unreadable, until mend.
func spoil(t *testing.T, d *jobdir.Dir, name string) (mend func()) {
	t.Helper()
	path := filepath.Join(d.Path(), name)
	aside := filepath.Join(t.TempDir(), name)
	kept := os.Rename(path, aside) == nil
	must(t, os.Mkdir(path, 0o700))
	return func() {
		t.Helper()
		must(t, os.Remove(path))
		if kept {
			must(t, os.Rename(aside, path))
		}
	}
}

func newKey(t *testing.T) job.Key {
	t.Helper()
	key, err := job.NewKey()
	must(t, err)
	return key
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
