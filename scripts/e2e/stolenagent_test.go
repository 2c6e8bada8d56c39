package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/scripts/testenv"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/version"
)

// stolen is a fleet in which one agent was stolen: the test has its certificate.
type stolen struct {
	env    *testenv.Env
	thief  *testenv.Thief
	mine   int64 // a repository of the stolen agent
	theirs int64 // one of another
	key    job.Key
	pid    int
	before string
	pulse  *pulse
}

func steal(t *testing.T) *stolen {
	t.Helper()
	s := &stolen{env: newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "thief"}, {Name: "victim"}, {Name: "other"}},
	})}
	source := tree(t, 3)
	s.mine = registerSlowly(t, s.env, repository{Name: "mine", Agent: "thief", Sources: []string{source}})
	s.theirs = registerSlowly(t, s.env, repository{Name: "theirs", Agent: "victim", Sources: []string{source}})
	others := registerSlowly(t, s.env, repository{Name: "others", Agent: "other", Sources: []string{source}})
	if j := backup(t, s.env, s.env.Repositories()+"/theirs"); j.Status != "completed" {
		t.Fatalf("%+v", j)
	}
	for _, e := range entries(t, filepath.Join(s.env.Hosts["victim"].StateDir, "jobs")) {
		key, err := job.ParseKey(e)
		fatal(t, err)
		s.key = key
	}
	for _, name := range []string{"thief", "victim", "other"} { // who is away changes nothing by itself
		fatal(t, s.env.Hosts[name].Stop())
	}
	var err error
	s.thief, err = s.env.Hosts["thief"].Thief()
	fatal(t, err)
	t.Cleanup(s.thief.Close)
	s.pid = s.env.Controller.PID()
	s.before = s.victim(t)
	s.pulse = newPulse(t, s.env.Hosts["other"], &fleetv1.Repository{Id: others, Path: s.env.Repositories() + "/others"})
	return s
}

// registerSlowly registers a repository, however long borg takes, and gives its id.
func registerSlowly(t *testing.T, env *testenv.Env, r repository) int64 {
	t.Helper()
	var out struct {
		ID     int64
		Status string
	}
	fatal(t, env.API.Post("/api/repositories", r.body(env), &out))
	fatal(t, env.Await("the repository is ready", func() (bool, error) {
		err := env.API.Get("/api/repositories/"+itoa(out.ID), &out)
		return out.Status == "ready", err
	}))
	return out.ID
}

// victim is all that REST says of the other agent's jobs, logs and archives.
func (s *stolen) victim(t *testing.T) string {
	t.Helper()
	h := sha256.New()
	paths := []string{"/api/archives/list?repository=theirs&agent=victim", "/api/repositories/" + itoa(s.theirs)}
	var page struct{ Jobs []struct{ ID int64 } }
	all := "/api/backup/jobs?limit=100&agent=victim"
	for _, k := range job.Kinds() {
		all += "&kind=" + string(k)
	}
	fatal(t, s.env.API.Get(all, &page))
	for _, j := range page.Jobs {
		paths = append(paths, "/api/backup/status/"+itoa(j.ID), "/api/backup/logs/"+itoa(j.ID)+"/stream")
	}
	for _, p := range append(paths, all) {
		var body []byte
		fatal(t, s.env.API.Get(p, &body))
		h.Write(body)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// unhurt wants the fleet to be what it was.
func (s *stolen) unhurt(t *testing.T) {
	t.Helper()
	if !s.env.Controller.Running() || s.env.Controller.PID() != s.pid {
		t.Fatalf("the controller has ended: %s", tail(s.env.Controller.Output(), 20))
	}
	within(t, "the controller's memory", peak(s.pid), mostControllerStolen)
	resetPeak(t, s.pid)
	if late := s.pulse.worst(); late > 10*time.Second {
		t.Errorf("another agent waited %s for an acknowledgement", late)
	} else {
		t.Logf("another agent waited %s at most", late.Round(time.Millisecond))
	}
	if got := s.victim(t); got != s.before {
		t.Error("what is said of the other agent is something else now")
	}
	for _, p := range []string{"/api/backup/jobs?limit=100", "/api/backup/jobs?limit=100&agent=thief", "/api/agents", "/api/repositories"} {
		var body []byte
		fatal(t, s.env.API.Get(p, &body))
		if len(body) > 8<<20 {
			t.Errorf("%s has %d bytes", p, len(body))
		}
	}
}

const mostControllerStolen = 600 * megabyte

// hello begins an epoch of the stolen agent.
func (s *stolen) hello(t *testing.T, jobs ...*fleetv1.JobState) *fleetv1.HelloResponse {
	t.Helper()
	resp, err := s.thief.Hello(t.Context(), helloOf("thief", jobs...))
	fatal(t, err)
	return resp
}

func helloOf(state string, jobs ...*fleetv1.JobState) *fleetv1.HelloRequest {
	return &fleetv1.HelloRequest{Protocol: version.Protocol, Version: "x", StateId: state, Hostname: "h", Now: timestamppb.Now(), Jobs: jobs}
}

// line is a Report stream.
type line struct {
	stream *connect.BidiStreamForClientSimple[fleetv1.ReportRequest, fleetv1.ReportResponse]
	heard  chan *fleetv1.JobAnswer
	broke  chan error
	end    context.CancelFunc
}

func newLine(t *testing.T, thief *testenv.Thief, epoch string) *line {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := thief.Report(ctx)
	fatal(t, err)
	l := &line{stream: stream, heard: make(chan *fleetv1.JobAnswer, 100_000), broke: make(chan error, 1), end: func() {
		cancel()
		_ = stream.CloseRequest()
	}}
	t.Cleanup(l.end)
	go func() {
		for {
			m, err := stream.Receive()
			if err != nil {
				l.broke <- err
				return
			}
			for _, a := range m.Jobs {
				l.heard <- a
			}
		}
	}()
	_ = stream.Send(&fleetv1.ReportRequest{Epoch: epoch}) // what becomes of it is told by Receive
	return l
}

// report opens an epoch and says something in it.
func (s *stolen) report(t *testing.T, m *fleetv1.ReportRequest) *line {
	t.Helper()
	l := newLine(t, s.thief, s.hello(t).Epoch)
	if err := l.stream.Send(m); err != nil {
		t.Logf("send: %v", err)
	}
	return l
}

// settled waits until all that was said before is taken in, refused or not: a
// report of an own job is acknowledged behind it.
func (s *stolen) settled(t *testing.T, l *line) {
	t.Helper()
	key, err := job.NewKey()
	fatal(t, err)
	_ = l.stream.Send(&fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{{Key: key[:]}}})
	end := time.After(time.Minute)
	for {
		select {
		case a := <-l.heard:
			if job.Key(a.Key) == key {
				return
			}
		case <-l.broke:
			return
		case <-end:
			t.Fatal("neither an answer nor an end")
		}
	}
}

// ended wants the stream to end with a code.
func (l *line) ended(t *testing.T, code connect.Code) {
	t.Helper()
	select {
	case err := <-l.broke:
		if connect.CodeOf(err) != code {
			t.Errorf("it ended with %v, want %s", err, code)
		}
	case <-time.After(time.Minute):
		t.Errorf("it did not end, want %s", code)
	}
}

func (s *stolen) spec(change func(*fleetv1.JobSpec)) *fleetv1.JobSpec {
	p := &fleetv1.JobSpec{
		Kind: "backup", Repository: &fleetv1.Repository{Id: s.mine, Name: "mine", Path: s.env.Repositories() + "/mine"},
		TriggeredBy: "agent", CreatedAt: timestamppb.Now(), StartDeadline: timestamppb.New(time.Now().Add(time.Hour)),
	}
	if change != nil {
		change(p)
	}
	return p
}

func newJobReport(t *testing.T, spec *fleetv1.JobSpec, reg *fleetv1.Register, records ...*fleetv1.Record) *fleetv1.JobReport {
	t.Helper()
	key, err := job.NewKey()
	fatal(t, err)
	return &fleetv1.JobReport{Key: key[:], Spec: spec, Register: reg, First: 1, Records: records}
}

func reported(status string) *fleetv1.Register {
	r := &fleetv1.Register{Incarnation: 1, Version: 1, Phase: fleetv1.Register_PHASE_STARTED, StartedAt: timestamppb.Now()}
	if status != "" {
		r.Verdict = &fleetv1.Verdict{
			Status: status, StartedAt: timestamppb.Now(), EndedAt: timestamppb.Now(),
			ArchiveName: "forged", ArchiveId: strings.Repeat("ab", 32), BorgId: strings.Repeat("cd", 32), Undisturbed: true,
		}
	}
	return r
}

// pulse is an honest agent that has a line acknowledged again and again.
type pulse struct {
	mu   sync.Mutex
	most time.Duration // of a wait that is over; guarded by mu
	said time.Time     // what is not acknowledged yet; zero: all is; guarded by mu
	over bool          // the stream has ended; guarded by mu
}

func newPulse(t *testing.T, h *testenv.Host, repo *fleetv1.Repository) *pulse {
	t.Helper()
	thief, err := h.Thief()
	fatal(t, err)
	resp, err := thief.Hello(t.Context(), helloOf("pulse"))
	fatal(t, err)
	l := newLine(t, thief, resp.Epoch)
	p := &pulse{}
	spec := &fleetv1.JobSpec{
		Kind: "backup", Repository: repo, TriggeredBy: "agent",
		CreatedAt: timestamppb.Now(), StartDeadline: timestamppb.New(time.Now().Add(time.Hour)),
	}
	r := newJobReport(t, spec, reported(""))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		defer p.note(func() { p.over = true })
		for n := uint64(1); ; n++ {
			p.note(func() { p.said = time.Now() })
			m := &fleetv1.JobReport{Key: r.Key, Spec: r.Spec, Register: r.Register, First: n, Records: []*fleetv1.Record{{Number: n, Time: timestamppb.Now(), Text: fmt.Sprint("pulse ", n)}}}
			if l.stream.Send(&fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{m}}) != nil {
				return
			}
			for {
				select {
				case a := <-l.heard:
					if a.Next <= n {
						continue
					}
				case <-l.broke:
					return
				case <-stop:
					return
				}
				break
			}
			p.note(func() { p.most, p.said = max(p.most, time.Since(p.said)), time.Time{} })
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
		thief.Close()
	})
	return p
}

func (p *pulse) note(what func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	what()
}

// worst is the longest wait since it was last asked, one that is not over
// included.
func (p *pulse) worst() (most time.Duration) {
	p.note(func() {
		most, p.most = p.most, 0
		if !p.said.IsZero() {
			most = max(most, time.Since(p.said))
		}
		if p.over {
			most = time.Hour
		}
	})
	return most
}
