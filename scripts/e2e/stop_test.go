package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// heldBackups is a borg whose backups wait, once started, until they may go on.
type heldBackups struct {
	t    *testing.T
	fifo string
	env  []string // of the agent
}

func holdBackups(t *testing.T) heldBackups {
	t.Helper()
	fifo := filepath.Join(t.TempDir(), "on")
	must(t, syscall.Mkfifo(fifo, 0o600))
	return heldBackups{t, fifo, borgScript(t, `case " $* " in *" create "*) read -r _ < `+fifo+`;; esac
exec $BORG "$@"
`)}
}

// start starts a backup and waits until borg is there.
func (h heldBackups) start(env *testenv.Env, repo string) int64 {
	h.t.Helper()
	id := start(h.t, env, repo)
	_, err := env.AwaitJob(id, "runs", func(j testenv.Job) bool { return j.Status == "running" })
	must(h.t, err)
	return id
}

// goOn lets one backup go on; it waits for one that waits.
func (h heldBackups) goOn() {
	h.t.Helper()
	must(h.t, os.WriteFile(h.fifo, []byte("\n"), 0o600))
}

var toldToComeBack = regexp.MustCompile(`coming back when it said.* in=(\S+)`)

// TestControllerStops while backups run, jobs come in and a stream is read: each
// agent is told its own time and comes back, streams end, and whatever was
// acknowledged is there afterwards.
func TestControllerStops(t *testing.T) {
	t.Parallel()
	names := []string{"one", "two", "three"}
	fleet := testenv.Fleet{Controller: []string{"--log-policy", "all"}, Agents: []testenv.Agent{{Name: "away"}}}
	hold := map[string]heldBackups{}
	for _, n := range names {
		hold[n] = holdBackups(t)
		fleet.Agents = append(fleet.Agents, testenv.Agent{Name: n, Env: hold[n].env})
	}
	env := newFleet(t, fleet)
	source := bigTree(t, 20<<20)
	ids := map[string]int64{}
	for _, n := range names {
		register(t, env, repository{Name: n, Agent: n, Sources: []string{source}})
	}
	register(t, env, repository{Name: "away", Agent: "away", Sources: []string{source}})
	must(t, env.Hosts["away"].Stop())
	for _, n := range names {
		ids[n] = hold[n].start(env, n)
	}

	req := newRequest(t, env, "GET", "/api/events", "")
	req.Header.Set("Authorization", "Bearer "+env.API.Token)
	events, err := (&http.Client{}).Do(req)
	must(t, err)
	defer events.Body.Close()
	var taken []int64
	refused := make(chan error, 1)
	first := make(chan struct{})
	go func() {
		for {
			id, err := env.API.Backup("away")
			if err != nil {
				refused <- err
				return
			}
			if taken = append(taken, id); len(taken) == 1 {
				close(first)
			}
		}
	}()
	<-first
	must(t, env.Controller.Signal(syscall.SIGTERM))
	if code, err := env.Controller.Ended(); err != nil || code != 0 {
		t.Fatalf("exit status %d, %v", code, err)
	}
	<-refused
	if _, err := io.Copy(io.Discard, events.Body); err != nil {
		t.Errorf("the stream of events did not end, it broke: %v", err)
	}
	told := map[time.Duration]string{}
	for _, n := range names {
		var line []string
		must(t, env.Await("agent "+n+" says when it comes back", func() (bool, error) {
			line = toldToComeBack.FindStringSubmatch(env.Hosts[n].Output())
			return line != nil, nil
		}))
		d, err := time.ParseDuration(line[1])
		must(t, err)
		if told[d] != "" || d < time.Second || d > 2*time.Second {
			t.Errorf("agents %s and %q are told %s", n, told[d], d)
		}
		told[d] = n
	}
	hold["one"].goOn()
	must(t, env.Await("one ends while the controller is away", func() (bool, error) {
		return len(env.Hosts["one"].JobProcesses()) == 0, nil
	}))
	must(t, env.Controller.Start())
	hold["two"].goOn()
	hold["three"].goOn()
	for _, n := range names {
		j, err := env.Finish(ids[n])
		if err != nil || j.Status != "completed" {
			t.Errorf("%s: %s %q, %v", n, j.Status, j.ErrorMessage, err)
		}
		if got := archives(t, env, "", filepath.Join(env.Repositories(), n)); len(got) != 1 || got[0] != j.ArchiveName {
			t.Errorf("%s: archives %v, want %s", n, got, j.ArchiveName)
		}
		if out := env.Hosts[n].Output(); strings.Count(out, "coming back when it said") != 1 {
			t.Errorf("%s says more than once that the controller went away", n)
		}
	}
	for _, id := range taken {
		if j, err := env.API.Job(id); err != nil || j.Status != "pending" {
			t.Errorf("acknowledged job %d: %+v, %v", id, j, err)
		}
	}
	t.Logf("told %v, %d jobs acknowledged while it stopped", told, len(taken))
}

// TestSecondSignal ends a controller that waits for a client, without harm.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, 3)}})
	u, err := url.Parse(env.API.URL)
	must(t, err)
	c, err := net.Dial("tcp", u.Host)
	must(t, err)
	defer c.Close()
	_, err = fmt.Fprintf(c, "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	must(t, err)
	// One that is answered came behind it.
	must(t, env.API.Get("/api/agents", nil))
	id := start(t, env, repo)
	must(t, env.Controller.Signal(syscall.SIGTERM))
	must(t, env.Await("the controller stops", func() (bool, error) {
		return strings.Contains(env.Controller.Output(), "agents are told when to come back"), nil
	}))
	began := time.Now()
	must(t, env.Controller.Signal(syscall.SIGTERM))
	if code, err := env.Controller.Ended(); err != nil || code != -1 || time.Since(began) > 5*time.Second {
		t.Errorf("after %s: exit status %d, %v", time.Since(began), code, err)
	}
	must(t, env.Controller.Start())
	if j, err := env.Finish(id); err != nil || j.Status != "completed" {
		t.Errorf("%+v, %v", j, err)
	}
}

// TestAgentStops: its jobs go on, and it says which.
func TestAgentStops(t *testing.T) {
	t.Parallel()
	hold := holdBackups(t)
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "host", Env: hold.env}},
	})
	host := env.Hosts["host"]
	register(t, env, repository{Name: "r", Sources: []string{tree(t, 10)}})
	id := hold.start(env, "r")
	must(t, host.Signal(syscall.SIGTERM))
	if code, err := host.Ended(); err != nil || code != 0 {
		t.Errorf("exit status %d, %v", code, err)
	}
	if len(host.JobProcesses()) != 1 || len(host.Borgs()) != 1 {
		t.Errorf("job processes %v, borgs %v", host.JobProcesses(), host.Borgs())
	}
	if want := "the job goes on without the agent"; !strings.Contains(host.Output(), want) || !strings.Contains(host.Output(), "id="+itoa(id)) {
		t.Errorf("it does not say that job %d goes on", id)
	}
	must(t, host.Start())
	hold.goOn()
	if j, err := env.Finish(id); err != nil || j.Status != "completed" {
		t.Errorf("%+v, %v", j, err)
	}
}

// TestDrain: a host that drains ends what it has begun, begins nothing, and says
// so to everybody who asks.
func TestDrain(t *testing.T) {
	t.Parallel()
	hold := holdBackups(t)
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "host", Env: hold.env}},
	})
	host := env.Hosts["host"]
	register(t, env, repository{Name: "r", Sources: []string{tree(t, 10)}})
	register(t, env, repository{Name: "s", Sources: []string{tree(t, 3)}})
	running := hold.start(env, "r")
	out, err := host.CLI("drain", "--timeout", "300ms")
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || !strings.Contains(err.Error(), "job "+itoa(running)) {
		t.Errorf("drained in a second: %v\n%s", err, out)
	}
	other := start(t, env, "s")
	_, err = env.AwaitJob(other, "waits for the drain", func(j testenv.Job) bool { return j.WaitingFor == "host draining" })
	must(t, err)
	if out, err := host.CLI("backup", "s"); err == nil || !strings.Contains(err.Error(), "draining") {
		t.Errorf("backup while draining: %v\n%s", err, out)
	}
	if out, err := host.CLI("status"); err != nil || !strings.Contains(out, "no new ones are taken") {
		t.Errorf("%v\n%s", err, out)
	}
	go hold.goOn()
	if out, err := host.CLI("drain"); err != nil || !strings.Contains(out, "the controller has every result") {
		t.Errorf("%v\n%s", err, out)
	}
	if j, err := env.API.Job(running); err != nil || j.Status != "completed" || !j.LogComplete {
		t.Errorf("drained, but: %+v, %v", j, err)
	}
	if j, err := env.API.Job(other); err != nil || j.Status != "pending" || j.WaitingFor != "host draining" {
		t.Errorf("%+v, %v", j, err)
	}
	if out, err := host.CLI("drain", "--end"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	hold.goOn()
	if j, err := env.Finish(other); err != nil || j.Status != "completed" {
		t.Errorf("%+v, %v", j, err)
	}
}

// TestRunDrain: with --drain a stop waits for the jobs, a second one does not.
func TestRunDrain(t *testing.T) {
	t.Parallel()
	hold := holdBackups(t)
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "host", Env: hold.env, Run: []string{"--drain"}}},
	})
	host := env.Hosts["host"]
	register(t, env, repository{Name: "r", Sources: []string{tree(t, 10)}})
	id := hold.start(env, "r")
	must(t, host.Signal(syscall.SIGTERM))
	other := start(t, env, "r")
	hold.goOn()
	if code, err := host.Ended(); err != nil || code != 0 {
		t.Errorf("exit status %d, %v", code, err)
	}
	if j, err := env.API.Job(id); err != nil || j.Status != "completed" || !j.LogComplete {
		t.Errorf("%+v, %v", j, err)
	}
	if j, err := env.API.Job(other); err != nil || j.Status != "pending" {
		t.Errorf("%+v, %v", j, err)
	}
	must(t, host.Start())
	_, err := env.AwaitJob(other, "runs", func(j testenv.Job) bool { return j.Status == "running" })
	must(t, err)
	must(t, host.Signal(syscall.SIGTERM))
	must(t, env.Await("the agent drains", func() (bool, error) { return strings.Contains(host.Output(), "a second signal stops at once"), nil }))
	must(t, host.Signal(syscall.SIGTERM))
	if code, err := host.Ended(); err != nil || code != -1 {
		t.Errorf("exit status %d, %v", code, err)
	}
	if len(host.Borgs()) != 1 {
		t.Error("the second signal ended borg")
	}
	must(t, host.Start())
	hold.goOn()
	if j, err := env.Finish(other); err != nil || j.Status != "completed" {
		t.Errorf("%+v, %v", j, err)
	}
}

// TestHostShutsDown: every process of a job is told to end. borg goes in good
// order, the verdict says why, and the next backup is not in anybody's way.
func TestHostShutsDown(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	host := env.Hosts["host"]
	source := t.TempDir()
	big := filepath.Join(source, "big")
	must(t, os.WriteFile(big, nil, 0o600))
	must(t, os.Truncate(big, 1<<40)) // borg reads zeros for an hour
	repo := register(t, env, repository{Name: "r", Sources: []string{source}})
	for _, c := range []struct {
		code string
		pids func() []int
	}{
		{"host_shutdown", host.JobProcesses},
		{"host_shutdown", func() []int { return append(host.Borgs(), host.JobProcesses()...) }},
		{"borg_killed", host.Borgs},
	} {
		id := start(t, env, "r")
		_, err := env.AwaitJob(id, "reads", func(j testenv.Job) bool { return j.Details.OriginalSize > 0 })
		must(t, err)
		for _, pid := range c.pids() {
			must(t, syscall.Kill(pid, syscall.SIGTERM))
		}
		j, err := env.Finish(id)
		if err != nil || j.Status != "failed" || j.ErrorCode != c.code {
			t.Errorf("want %s: %+v, %v", c.code, j, err)
		}
		// The verdict is there before its writer has left.
		must(t, env.Await("the job's processes are gone", func() (bool, error) {
			return len(host.Borgs())+len(host.JobProcesses()) == 0, nil
		}))
		if out := borg(t, env, "", "list", "--short", "--lock-wait", "0", repo); out != "" {
			t.Errorf("archives %s", out)
		}
	}
	must(t, os.WriteFile(big, []byte("small"), 0o600))
	if j := backup(t, env, repo); j.Status != "completed" {
		t.Errorf("%+v", j)
	}
}
