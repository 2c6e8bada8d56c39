package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

// listener is a receiver of notifications, or of pings.
type listener struct {
	*httptest.Server
	mode atomic.Int32 // what it does with the next

	mu    sync.Mutex
	told  []told   // guarded by mu
	paths []string // guarded by mu
	raw   []raw    // guarded by mu
}

// raw is what came, as a signature is of it.
type raw struct {
	header http.Header
	body   []byte
}

type told struct {
	ID, Event, Title string
	Sequence         int64
	Job              *struct{ ID int64 }
}

// What a listener does.
const (
	takes int32 = iota
	refuses
	hangs // it has heard, and does not say so
)

func newListener(t *testing.T) *listener {
	l := deafListener(t)
	l.Start()
	return l
}

// deafListener is one that has not been started.
func deafListener(t *testing.T) *listener {
	l := &listener{}
	l.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		mode := l.mode.Load()
		if mode == refuses {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var e told
		if r.Method == http.MethodPost {
			if err := json.Unmarshal(data, &e); err != nil {
				t.Error(err)
			}
		}
		l.mu.Lock()
		l.told, l.paths, l.raw = append(l.told, e), append(l.paths, r.URL.Path), append(l.raw, raw{r.Header, data})
		l.mu.Unlock()
		if mode == hangs {
			<-r.Context().Done()
		}
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) heard() []told {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.told)
}

func (l *listener) asked() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.paths)
}

// TestNotificationsOutliveKills: a receiver that is down, one that hangs after it has
// heard, and a controller that is killed in between: every backup's end is told, in
// order, and what is told twice has one id.
func TestNotificationsOutliveKills(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "web1"}}})
	register(t, env, repository{Name: "r", Sources: []string{tree(t, 3)}})
	repo := filepath.Join(env.Repositories(), "r")
	ops := newListener(t)
	cli := func(args ...string) {
		t.Helper()
		if out, err := env.Controller.CLI(append([]string{"notifications"}, args...)...); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	cli("channels", "create", "ops", "--type", "webhook", "--url", ops.URL+"/hook")
	cli("rules", "create", "all", "--event", "success", "--event", "failure", "--to", "ops", "--kind", "backup")
	cli("test", "ops")
	var jobs []int64
	back := func() { jobs = append(jobs, backup(t, env, repo).ID) }

	ops.mode.Store(refuses)
	back()
	back()
	fatal(t, env.Controller.Kill()) // two are committed, and were never delivered
	fatal(t, env.Controller.Start())
	fatal(t, env.AwaitOnline("web1"))
	ops.mode.Store(hangs)
	fatal(t, env.Await("one is on its way", func() (bool, error) { return len(ops.heard()) == 2, nil }))
	fatal(t, env.Controller.Kill()) // it was heard, and the controller does not know that
	ops.mode.Store(takes)
	fatal(t, env.Controller.Start())
	fatal(t, env.AwaitOnline("web1"))
	back()
	fatal(t, env.Await("all are told", func() (bool, error) {
		heard := ops.heard()
		return heard[len(heard)-1].Sequence == 3, nil
	}))

	heard := ops.heard()
	if heard[0].Event != "test" {
		t.Errorf("the test came as %+v", heard[0])
	}
	ids, last := map[int64]string{}, int64(0)
	for _, e := range heard[1:] {
		switch {
		case e.Sequence == last+1:
			last, ids[e.Sequence] = e.Sequence, e.ID
			if e.Event != "success" || e.Job == nil || e.Job.ID != jobs[last-1] {
				t.Errorf("%+v, of the jobs %v", e, jobs)
			}
		case e.Sequence > last || ids[e.Sequence] != e.ID:
			t.Errorf("after %d came %+v", last, e)
		}
	}
	if last != 3 || len(heard) < 5 {
		t.Errorf("%d told: %+v", last, heard)
	}
	var state struct {
		Channels []struct {
			Delivery struct {
				Waiting   int64
				LastError *string `json:"last_error"`
			}
		}
	}
	fatal(t, env.Await("it is noted", func() (bool, error) {
		err := env.API.Get("/api/notifications/channels", &state)
		return err == nil && state.Channels[0].Delivery.Waiting == 0 && state.Channels[0].Delivery.LastError == nil, err
	}))
}

// TestPingsWithoutTheController: the host calls a schedule's URL itself, once its owner
// has allowed that, and the controller's own calls stop with it.
func TestPingsWithoutTheController(t *testing.T) {
	t.Parallel()
	own, hosts := newListener(t), newListener(t)
	env := newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "web1"}}, Env: []string{"BORGFLEET_PING_URL=" + own.URL + "/controller"}})
	fatal(t, env.Await("the controller calls", func() (bool, error) { return slices.Contains(own.asked(), "/controller"), nil }))
	register(t, env, repository{Name: "r", Sources: []string{tree(t, 3)}})
	var repo struct{ Repositories []struct{ ID int64 } }
	fatal(t, env.API.Get("/api/repositories", &repo))
	id := makeSchedule(t, env, map[string]any{
		"name": "minutely", "cron_expression": "* * * * *", "timezone": "UTC", "repository_id": repo.Repositories[0].ID, "ping_url": hosts.URL + "/key/{agent}",
	})
	problem := func() string {
		var view struct {
			Ping         *string `json:"ping_target"`
			Repositories []struct{ Problem *string }
		}
		fatal(t, env.API.Get("/api/schedule/"+itoa(id), &view))
		if view.Ping == nil || strings.Contains(*view.Ping, "key") {
			t.Errorf("shown as %v", view.Ping)
		}
		if p := view.Repositories[0].Problem; p != nil {
			return *p
		}
		return ""
	}
	fatal(t, env.Await("the refusal is told", func() (bool, error) {
		return strings.Contains(problem(), "borgfleet-agent allow") && strings.Contains(problem(), "--ping"), nil
	}))
	if n := len(hosts.asked()); n > 0 {
		t.Errorf("%d calls that nobody allowed", n)
	}
	if out, err := env.Hosts["web1"].CLI("allow", "--ping", hosts.URL+"/key/*"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	fatal(t, env.Controller.Kill())
	deadline := time.Now().Add(150 * time.Second)
	for !slices.Contains(hosts.asked(), "/key/web1") { // a minute comes, and the host waits for the controller's word
		if time.Now().After(deadline) {
			t.Fatalf("called %q", hosts.asked())
		}
		time.Sleep(100 * time.Millisecond)
	}
	// Of a backup that is over when its host looks, only the end is told.
	asked := hosts.asked()
	if at := slices.Index(asked, "/key/web1"); at > 1 || at == 1 && asked[0] != "/key/web1/start" {
		t.Errorf("called %q", asked)
	}
	fatal(t, env.Controller.Start())
}
