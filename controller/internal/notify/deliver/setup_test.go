package deliver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// office is a Post on a real store.
type office struct {
	t    *testing.T
	dir  string
	st   *store.Store
	post *Post
	log  *lockedText
	end  context.CancelFunc
	done chan struct{}
	opt  Options
}

func newOffice(t *testing.T, change ...func(*Options)) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir(), log: &lockedText{}}
	o.opt = Options{
		Key: Key{1}, Logger: slog.New(slog.NewTextHandler(o.log, nil)), Now: time.Now, Timeout: 10 * time.Second, Gather: time.Millisecond,
		Backoff: Backoff{First: time.Millisecond, Most: 4 * time.Millisecond, MostAsked: time.Hour},
	}
	for _, c := range change {
		c(&o.opt)
	}
	o.open()
	t.Cleanup(o.close)
	return o
}

func (o *office) open() {
	o.t.Helper()
	var err error
	o.st, err = store.Open(o.dir, store.Options{})
	must(o.t, err)
	opt := o.opt
	opt.Store = o.st
	o.post = New(opt)
}

// runs has the Post deliver until stops.
func (o *office) runs() {
	ctx, cancel := context.WithCancel(context.Background())
	o.end, o.done = cancel, make(chan struct{})
	done, post := o.done, o.post
	go func() {
		defer close(done)
		post.Run(ctx)
	}()
}

func (o *office) stops() {
	if o.end != nil {
		o.end()
		<-o.done
		o.end = nil
	}
}

func (o *office) close() {
	o.stops()
	must(o.t, o.st.Close())
}

// reopened is the controller's next start.
func (o *office) reopened() {
	o.t.Helper()
	o.close()
	o.open()
}

func (o *office) channel(typ string, s Settings) Channel {
	o.t.Helper()
	c, _, err := o.post.CreateChannel(o.t.Context(), NewChannel{Name: fmt.Sprint(typ, "-", len(o.st.Channels())), Type: typ, Settings: s, By: "ann"})
	must(o.t, err)
	_, err = o.post.CreateRule(o.t.Context(), store.Rule{Name: c.Name, Enabled: true, Events: []string{"failure"}, Channels: []int64{c.ID}})
	must(o.t, err)
	return c
}

// tells has events from a to b happen, called by their numbers.
func (o *office) tells(a, b int) {
	o.t.Helper()
	must(o.t, o.st.Update(o.t.Context(), func(tx *store.Tx) error {
		for i := a; i <= b; i++ {
			err := notify.Tell(tx, notify.Event{Event: notify.Failure, At: *notify.At(time.Unix(int64(i), 0)), Title: fmt.Sprint("event ", i), Message: "why"})
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// delivered waits until nothing waits.
func (o *office) delivered(id int64) {
	o.t.Helper()
	await(o.t, "all is delivered", func() bool { b := o.st.Outbox(id); return b.Waiting() == 0 && b.First > 1 })
}

// receiver is a real server that keeps what it gets.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []request // guarded by mu
	acts []http.HandlerFunc

	refuse func(body string) bool
}

type request struct {
	refused bool
	header  http.Header
	path    string
	body    []byte
}

// newReceiver does the acts one after another, then answers 200.
func newReceiver(t *testing.T, acts ...http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{acts: acts}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	data, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	refused := r.refuse != nil && r.refuse(string(data))
	r.got = append(r.got, request{refused, req.Header.Clone(), req.URL.Path, data})
	var act http.HandlerFunc
	if len(r.acts) > 0 {
		act, r.acts = r.acts[0], r.acts[1:]
	}
	r.mu.Unlock()
	if refused {
		act = answers(413)
	}
	if act != nil {
		act(w, req)
		return
	}
	fmt.Fprint(w, "thanks")
}

// taken are those that it has not refused for what they are.
func (r *receiver) taken() []request {
	return slices.DeleteFunc(r.requests(), func(q request) bool { return q.refused })
}

func (r *receiver) requests() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request(nil), r.got...)
}

// events are what a webhook got, in order.
func (r *receiver) events(t *testing.T) (out []notify.Event) {
	t.Helper()
	for _, q := range r.requests() {
		var e notify.Event
		must(t, json.Unmarshal(q.body, &e))
		if id := q.header.Get("Webhook-Id"); id != e.ID {
			t.Errorf("the header has the id %s, the body %s", id, e.ID)
		}
		out = append(out, e)
	}
	return out
}

func answers(status int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, "not now")
	}
}

func closes(w http.ResponseWriter, _ *http.Request) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

func flushesAndHangs(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, "thanks, and")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
