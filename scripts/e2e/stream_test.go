package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
)

// stages is a borg whose create stops after so many lines of its log, again and
// again, until it is let go on.
type stages struct{ dir string }

const (
	stageLines = 300

	// After the second stage come lines that are too much for the buffers of a
	// connection that nobody reads.
	wideLine, wideLines = 64 << 10, 160
)

func newStages(t *testing.T) (stages, []string) {
	t.Helper()
	s := stages{t.TempDir()}
	return s, borgScript(t, fmt.Sprintf(`
case " $* " in *" create "*) ;; *) exec $BORG "$@" ;; esac
wide() {
  text=$(head -c %[3]d /dev/zero | tr '\0' w)
  for i in {1..%[4]d}; do printf '{"type":"log_message","time":1,"message":"%%s","levelname":"INFO","name":"borg"}\n' $text; done
}
gate() {
  n=0
  while IFS= read -r line; do
    printf '%%s\n' "$line"
    n=$((n + 1)); at=$((n / %[1]d))
    if [ $((n %% %[1]d)) = 0 ]; then touch %[2]s/at-$at; while [ ! -e %[2]s/on-$at ]; do sleep 0.02; done; fi
    if [ $n = $((2 * %[1]d)) ]; then wide; fi
  done
}
{ $BORG "$@" 2>&1 >&3 | gate >&2; rc=${PIPESTATUS[0]}; } 3>&1
exit $rc
`, stageLines, s.dir, wideLine, wideLines))
}

// reached waits until borg has written the lines of n stages.
func (s stages) reached(t *testing.T, env *testenv.Env, n int) {
	t.Helper()
	fatal(t, env.Await(fmt.Sprintf("stage %d", n), func() (bool, error) { return exists(filepath.Join(s.dir, fmt.Sprint("at-", n))), nil }))
}

// on lets borg write those of the next.
func (s stages) on(t *testing.T, stages ...int) {
	t.Helper()
	for _, n := range stages {
		fatal(t, os.WriteFile(filepath.Join(s.dir, fmt.Sprint("on-", n)), nil, 0o600))
	}
}

// longNames makes a directory with n files that have long names.
func longNames(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		fatal(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%05d", strings.Repeat("long", 55), i)), nil, 0o600))
	}
	return dir
}

// TestLogStream: who follows a running job through a restart of the controller
// and through a cut has each line once, in order, and the end. One that reads
// nothing meanwhile costs the job and the others nothing, and has it all when it
// does.
func TestLogStream(t *testing.T) {
	t.Parallel()
	stages, script := newStages(t)
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "host", Env: script}},
	})
	const files = 3*stageLines + 50
	repo := register(t, env, repository{Name: "r", Sources: []string{longNames(t, files)}, FileLog: "all"})
	id := start(t, env, repo)
	path := "/api/backup/logs/" + itoa(id) + "/stream"
	api, proxy := through(t, env)
	reader := follow(t, env, api, path)
	reader.until(stageLines / 2)

	fatal(t, env.Controller.Stop())
	stages.on(t, 1)
	stages.reached(t, env, 2) // borg writes on, with nobody to take it
	fatal(t, env.Controller.Start())
	reader.until(stageLines + stageLines/2)
	if reader.opened < 2 {
		t.Error("the stream outlived its controller")
	}

	var conn narrow
	sleeper := follow(t, env, conn.api(env.API), path)
	opened := reader.opened
	proxy.Cut()
	stages.on(t, 2)
	stages.reached(t, env, 3)
	proxy.Restore()
	stages.on(t, 3)
	if j := reader.toEnd(); j.Status != "completed" || reader.opened == opened {
		t.Errorf("job %+v, %d connections", j, reader.opened)
	}

	// The answer for the sleeper is not in its connection: it is not written yet.
	if held := queued(t, conn); held > reader.bytes/2 {
		t.Errorf("the one that reads nothing has %d bytes of %d waiting for it: it was not held up", held, reader.bytes)
	}
	if j := sleeper.toEnd(); j.Status != "completed" || sleeper.opened != 1 {
		t.Errorf("job %+v, %d connections: the others ended only when this one had been cut off", j, sleeper.opened)
	}
	lines, err := env.API.Lines(id)
	fatal(t, err)
	var want []string
	for _, l := range lines {
		want = append(want, l.Content)
	}
	for who, f := range map[string]*follower{"the one that was cut": reader, "the one that read nothing": sleeper} {
		if len(f.lines) != len(want) || len(want) < files+wideLines {
			t.Errorf("%s has %d lines, the log has %d", who, len(f.lines), len(want))
			continue
		}
		for i, line := range want {
			if f.lines[i] != line {
				t.Errorf("%s has %.300q as line %d, the log has %.300q", who, f.lines[i], i+1, line)
				break
			}
		}
	}
}

// queued is how much the kernel holds of what was written into a connection and
// not read from it, at both its ends.
func queued(t *testing.T, conn net.Conn) (bytes int) {
	t.Helper()
	data, err := os.ReadFile("/proc/net/tcp")
	fatal(t, err)
	near, far := conn.LocalAddr().(*net.TCPAddr).Port, conn.RemoteAddr().(*net.TCPAddr).Port
	found := 0
	for row := range strings.Lines(string(data)) {
		var from, to, tx, rx int
		// sl, local address, remote address, state, queues; all in hex.
		n, _ := fmt.Sscanf(row, " %s %8s:%x %8s:%x %s %x:%x", new(string), new(string), &from, new(string), &to, new(string), &tx, &rx)
		if n == 8 && (from == near && to == far || from == far && to == near) {
			found++
			bytes += tx + rx
		}
	}
	if found != 2 {
		t.Fatalf("%d ends of the connection %s", found, conn.LocalAddr())
	}
	return bytes
}

// TestEventStream: cut off, a client comes back with its last id and misses
// nothing; after a restart it is told to read everything again, once.
func TestEventStream(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, 3)}})
	api, proxy := through(t, env)
	reader := follow(t, env, api, "/api/events")
	ends := func(id int64) func(testenv.Event) bool {
		return func(e testenv.Event) bool {
			var j testenv.Job
			switch e.Name {
			case "reset":
				t.Errorf("a reset before job %d has ended", id)
			case "job":
				decode(t, e.Data, &j)
			}
			return j.ID == id && j.Status == "completed"
		}
	}
	first := backup(t, env, repo)
	reader.hears("the first job's end", ends(first.ID))
	proxy.Cut()
	second := backup(t, env, repo)
	proxy.Restore()
	reader.hears("what was missed", ends(second.ID))
	if reader.opened != 2 {
		t.Errorf("%d connections", reader.opened)
	}

	fatal(t, env.Controller.Stop())
	fatal(t, env.Controller.Start())
	e := reader.next()
	for ; reader.opened == 2; e = reader.next() { // what had come before the restart
	}
	if e.Name != "reset" {
		t.Errorf("after a restart comes %s %s", e.Name, e.Data)
	}
	third := backup(t, env, repo)
	reader.hears("what happens now", ends(third.ID))
}
