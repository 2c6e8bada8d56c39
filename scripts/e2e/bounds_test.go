package e2e

import (
	"io"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

// heavy says whether the bounds are tried with the sizes that they are promised
// for; make bounds does, and prints what it measures.
func heavy() bool { return os.Getenv("BORGFLEET_BOUNDS") != "" }

func sized[T any](short, long T) T {
	if heavy() {
		return long
	}
	return short
}

// What is promised, with room for how the kernel counts.
const (
	mostAgent = 40 * megabyte // daemon and job process
	// The kernel counts what garbage of megabytes in one line leaves to be collected.
	mostAgentHostile = 64 * megabyte
	mostController   = 200 * megabyte
	mostForReader    = 4 * megabyte // of the controller's, for a client that reads nothing
)

func within(t *testing.T, what string, got, most int64) {
	t.Helper()
	t.Logf("%s: %s", what, mb(got))
	if got > most {
		t.Errorf("%s: %s, want at most %s", what, mb(got), mb(most))
	}
}

// treeLines is how many lines a file list has of tree(t, 3).
const treeLines = 5

// TestFlood: a borg that writes faster than any real one, and more than a log
// may have. It is not held up: it has said all while nobody takes its log from
// the host. Agent and controller stay small, and the log says what it lacks.
func TestFlood(t *testing.T) {
	t.Parallel()
	lines, width := sized(60_000, 1_000_000), sized(900, 40)
	talker, script := newTalker(t, func(w io.Writer) {
		fileLines(w, lines, width)
		logLine(w, "WARNING", "the last warning")
	})
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "host", Env: script}},
	})
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, 3)}, FileLog: "all"})
	resetPeak(t, env.Controller.PID())
	within(t, "controller before", peak(env.Controller.PID()), mostController)
	memory := watchHost(env.Hosts["host"])
	talker.wait(t)
	id := start(t, env, repo)
	_, err := env.AwaitJob(id, "runs", func(j testenv.Job) bool { return j.Status == "running" })
	fatal(t, err)
	readers := []int{env.Controller.PID(), env.Hosts["host"].PID()}
	for _, pid := range readers {
		fatal(t, syscall.Kill(pid, syscall.SIGSTOP))
	}
	begun := time.Now()
	talker.start(t)
	took := talker.took(t, env)
	for _, pid := range readers {
		fatal(t, syscall.Kill(pid, syscall.SIGCONT))
	}
	j, err := env.Finish(id)
	fatal(t, err)
	whole := time.Since(begun)
	agent, controller := memory.end(), peak(env.Controller.PID())
	bare := talker.bare(t)
	if j.Status != "completed" {
		t.Errorf("%s %q", j.Status, j.ErrorMessage)
	}

	within(t, "agent's PSS", agent, mostAgent)
	within(t, "controller", controller, mostController)
	resetPeak(t, env.Controller.PID())
	flood := readFlood(t, download(t, env, id))
	// Behind the flood come the files of the backup itself, which are left out too.
	if all := lines + treeLines; flood.kept == 0 || flood.gaps == 0 || flood.kept+flood.missing != all {
		t.Errorf("%d lines kept, %d missing in %d gaps, of %d", flood.kept, flood.missing, flood.gaps, all)
	}
	if !flood.has("the last warning") {
		t.Error("the warning behind the flood is not in the log")
	}
	t.Logf("%d lines, %s: borg's side %s (bare %s), to the complete log %s, %.0f lines/s kept",
		lines, mb(talker.bytes), took.Round(time.Millisecond), bare.Round(time.Millisecond), whole.Round(time.Millisecond), float64(flood.kept)/whole.Seconds())
	t.Logf("%d kept, %d missing in %d gaps", flood.kept, flood.missing, flood.gaps)
	within(t, "controller in the download", peak(env.Controller.PID()), mostController)
}

// download gives a job's log as text.
func download(t *testing.T, env *testenv.Env, id int64) io.Reader {
	t.Helper()
	req := newRequest(t, env, http.MethodGet, "/api/backup/logs/"+itoa(id)+"/download", "")
	req.Header.Set("Authorization", "Bearer "+env.API.Token)
	resp, err := env.API.HTTP.Do(req)
	fatal(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("download: %s", resp.Status)
	}
	return resp.Body
}

// TestSleepers: neither a controller that has stopped reading nor an agent that
// has costs borg anything, and the log is whole when they go on.
func TestSleepers(t *testing.T) {
	t.Parallel()
	lines := sized(50_000, 400_000)
	talker, script := newTalker(t, func(w io.Writer) { fileLines(w, lines, 20) })
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "one", Env: script}, {Name: "two"}},
	})
	source := tree(t, 3)
	repo := register(t, env, repository{Name: "r", Agent: "one", Sources: []string{source}, FileLog: "all"})
	other := register(t, env, repository{Name: "s", Agent: "two", Sources: []string{source}})
	one := env.Hosts["one"]

	for who, pid := range map[string]int{"controller": env.Controller.PID(), "agent": one.PID()} {
		talker.wait(t)
		id := start(t, env, repo)
		_, err := env.AwaitJob(id, "runs", func(j testenv.Job) bool { return j.Status == "running" })
		fatal(t, err)
		resetPeak(t, env.Controller.PID())
		memory := watchHost(one)
		fatal(t, syscall.Kill(pid, syscall.SIGSTOP))
		asleep := time.Now()
		talker.start(t)
		took := talker.took(t, env)
		fatal(t, env.Await("the job process has ended", func() (bool, error) { return len(one.JobProcesses()) == 0, nil }))
		if who == "agent" {
			if j := backup(t, env, other); j.Status != "completed" {
				t.Errorf("the other host: %+v", j)
			}
			if j, err := env.API.Job(id); err != nil || j.Status != "running" {
				t.Errorf("the job of an agent that sleeps: %+v, %v", j, err)
			}
		}
		if heavy() {
			time.Sleep(20*time.Second - time.Since(asleep)) // past the pings that tell a dead peer
		}
		fatal(t, syscall.Kill(pid, syscall.SIGCONT))
		awake := time.Now()
		j, err := env.Finish(id)
		fatal(t, err)
		agent, controller := memory.end(), peak(env.Controller.PID())
		if j.Status != "completed" {
			t.Errorf("%s asleep: %s %q", who, j.Status, j.ErrorMessage)
		}
		if flood := readFlood(t, download(t, env, id)); flood.gaps != 0 || flood.kept != lines {
			t.Errorf("%s asleep: %d lines of %d, %d gaps", who, flood.kept, lines, flood.gaps)
		}
		within(t, who+" asleep: agent's PSS", agent, mostAgent)
		within(t, who+" asleep: controller", controller, mostController)
		t.Logf("%s asleep: %d lines, borg's side %s, the log complete %s after it woke", who, lines, took.Round(time.Millisecond), time.Since(awake).Round(time.Millisecond))
	}
}

// TestSlowReaders: clients that ask for a long log and do not read it. What is
// held for them is bounded, and nobody waits for them.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	const lines = 20_000 // of which 5000 are more than one answer may hold
	clients := sized(8, 40)
	talker, script := newTalker(t, func(w io.Writer) { fileLines(w, lines, 2200) })
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "host", Env: script}},
	})
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, 3)}, FileLog: "all"})
	id := backup(t, env, repo).ID
	resetPeak(t, env.Controller.PID())
	before := peak(env.Controller.PID())
	path := "/api/backup/logs/" + itoa(id)
	var open []*http.Response
	for range clients {
		for _, path := range []string{path + "/download", path + "/stream?limit=5000"} {
			var conn narrow
			req := newRequest(t, env, http.MethodGet, path, "")
			req.Header.Set("Authorization", "Bearer "+env.API.Token)
			resp, err := conn.api(env.API).HTTP.Do(req)
			fatal(t, err)
			t.Cleanup(func() { resp.Body.Close() })
			open = append(open, resp)
		}
	}
	talker.says(t, func(w io.Writer) { fileLines(w, 1000, 20) })
	if j := backup(t, env, repo); j.Status != "completed" {
		t.Errorf("%+v", j)
	}
	within(t, itoa(int64(len(open)))+" clients that do not read: controller", peak(env.Controller.PID())-before, int64(len(open))*mostForReader)
	if flood := readFlood(t, open[0].Body); flood.gaps != 0 || flood.kept != lines {
		t.Errorf("read late: %d lines, %d gaps", flood.kept, flood.gaps)
	}
	if !heavy() {
		return
	}
	time.Sleep(65 * time.Second) // a client's time for a part of an answer, and a little
	if n, err := io.Copy(io.Discard, open[2].Body); err == nil {
		t.Errorf("a client that read nothing for longer than it may has got the whole log, %d bytes", n)
	}
}
