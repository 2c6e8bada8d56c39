package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

// TestMain shows times in one zone, wherever the tests run, and leaves the keys
// alone that who runs them knows.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	config, err := os.MkdirTemp("", "bf")
	if err == nil {
		err = os.Setenv("XDG_CONFIG_HOME", config)
	}
	if err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(config)
	os.Exit(status)
}

func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// fake answers for a controller and keeps what it was asked.
type fake struct {
	t      *testing.T
	socket string // data directory of its admin socket
	url    string
	open   bool   // no token is needed
	stop   func() // the admin socket is there no more

	mu      sync.Mutex          // guards what follows
	asked   []string            // method, path and query, body
	answers map[string][]answer // by method and path; the last one stays
}

// answer is one answer; a body that is a told is a stream of events.
type answer struct {
	status int
	body   any
}

// broken is no answer at all: the connection is cut, after what the body does.
const broken = 0

// told are events, with or without an id. open leaves the stream open; else it
// is cut.
type told struct {
	events []sent
	open   bool
}

type sent struct {
	name, id string
	data     any
}

func (s told) write(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", rest.EventStreamType)
	for _, e := range s.events {
		data, _ := json.Marshal(e.data)
		fmt.Fprintf(w, "event: %s\n", e.name)
		if e.id != "" {
			fmt.Fprintf(w, "id: %s\n", e.id)
		}
		fmt.Fprintf(w, "data: %s\n\n", data)
	}
	w.(http.Flusher).Flush()
	if s.open {
		<-r.Context().Done()
	}
}

// status, line and end are events of a log.
func status(j rest.JobStatus) sent { return sent{rest.EventStatus, "", rest.Job{JobCore: j.JobCore}} }

func end(j rest.JobStatus, hasLogs bool) sent {
	return sent{rest.EventEnd, "", rest.Job{JobCore: j.JobCore, HasLogs: hasLogs}}
}

func line(n uint64) sent {
	return sent{rest.EventLine, fmt.Sprint(n), rest.LogLine{LineNumber: n, Content: fmt.Sprintf("line %d\x1b[2J", n)}}
}

func cut(events ...sent) answer  { return answer{200, told{events, false}} }
func open(events ...sent) answer { return answer{200, told{events, true}} }

func newFake(t *testing.T, answers map[string][]answer) *fake {
	t.Helper()
	f := &fake{t: t, answers: answers}
	// Not t.TempDir: a socket's path must be short.
	dir, err := os.MkdirTemp("", "bf")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Mkdir(filepath.Join(dir, "admin"), 0o700))
	l, err := net.Listen("unix", AdminSocket(dir))
	must(t, err)
	unix := &http.Server{Handler: f}
	go unix.Serve(l)
	tcp := httptest.NewServer(f)
	t.Cleanup(func() { unix.Close(); tcp.Close() })
	f.socket, f.url, f.stop = dir, tcp.URL, func() { unix.Close() }
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.asked = append(f.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Last-Event-ID")+string(body)))
	name := r.Method + " " + r.URL.Path
	a := answer{404, rest.Problem{Status: 404, Detail: "nothing here", Code: "not_found"}}
	if list := f.answers[name]; len(list) > 0 {
		if a = list[0]; len(list) > 1 {
			f.answers[name] = list[1:]
		}
	}
	if token := r.Header.Get("Authorization"); r.Host != "unix" && !f.open && token != "Bearer good" {
		a = answer{401, rest.Problem{Status: 401, Detail: "the token is not known", Code: "unauthenticated"}}
	}
	f.mu.Unlock()
	if a.status == broken {
		if last, ok := a.body.(func()); ok {
			last()
		}
		panic(http.ErrAbortHandler)
	}
	if stream, ok := a.body.(told); ok {
		stream.write(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if a.status >= 300 {
		w.Header().Set("Content-Type", rest.ProblemType)
	}
	w.WriteHeader(a.status)
	json.NewEncoder(w).Encode(a.body)
}

func (f *fake) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.asked...)
}

func ok(bodies ...any) []answer {
	var out []answer
	for _, b := range bodies {
		out = append(out, answer{200, b})
	}
	return out
}

// result is what a command did.
type result struct {
	code     int
	out, err string
}

func (f *fake) command(stdin string, args ...string) result {
	return command(f.t.Context(), stdin, append(args, "--data-dir", f.socket), nil)
}

func command(ctx context.Context, stdin string, args []string, each func(string)) result {
	var out, errs bytes.Buffer
	k := &controller{
		in: strings.NewReader(stdin), out: term.Screen{W: &watched{&out, each}}, err: term.Screen{W: &errs},
		now: now, tail: time.Second,
	}
	code := k.program().Run(ctx, args, cmdline.Streams{In: k.in, Out: k.out.W, Err: &errs})
	return result{code, out.String(), errs.String()}
}

// watched tells a test what was just written.
type watched struct {
	*bytes.Buffer
	each func(string)
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if w.each != nil {
		w.each(string(p))
	}
	return n, err
}

func (r result) want(t *testing.T, code int, out, err string) {
	t.Helper()
	if r.code != code || r.out != out || r.err != err {
		t.Errorf("exit status %d, want %d\n--- stdout\n%s--- want\n%s--- stderr\n%s--- want\n%s", r.code, code, r.out, out, r.err, err)
	}
}

func ptr[T any](v T) *T { return &v }

func theJob(id int64, status string, change func(*rest.JobCore)) rest.JobStatus {
	j := rest.JobStatus{JobCore: rest.JobCore{
		ID: id, Status: status, Kind: "backup", Agent: "web1", AgentOnline: true, Repository: "/srv/backups/web",
		CreatedAt: rest.At(now().Add(-time.Hour)), TriggeredBy: "manual",
	}}
	if change != nil {
		change(&j.JobCore)
	}
	return j
}

func lines(id int64, status string, from, to int, more bool) rest.LogPage {
	p := rest.LogPage{JobID: id, Status: status, Lines: []rest.LogLine{}, TotalLines: uint64(to), HasMore: more}
	for n := from; n <= to; n++ {
		p.Lines = append(p.Lines, rest.LogLine{LineNumber: uint64(n), Content: fmt.Sprintf("line %d\x1b[2J", n)})
	}
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
