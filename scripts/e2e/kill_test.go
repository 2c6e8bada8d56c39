package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

// killPoints is how many random moments each process is killed at; the named
// points come on top.
func killPoints(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("BORGFLEET_KILL_POINTS"))
	if err != nil {
		return 1 // the short form; make faults has the long one
	}
	return n
}

// TestKillNine ends one process with SIGKILL at some moment of a backup that
// logs every file, and then compares what the controller says with what borg
// did: one true status, at most one archive, each line exactly once.
//
// Between the runs the same fleet goes on: a run that leaves something behind
// spoils the next.
func TestKillNine(t *testing.T) {
	t.Parallel()
	files := 1000
	if killPoints(t) >= 20 {
		files = 20_000
	}
	for _, victim := range victims() {
		t.Run(victim.name, func(t *testing.T) {
			t.Parallel()
			k := newKilling(t, files)
			for _, p := range victim.named {
				t.Run(p.name, func(t *testing.T) { k.run(t, victim, p) })
			}
			rng := rand.New(rand.NewPCG(1, uint64(len(victim.name))))
			for i := range killPoints(t) {
				after := time.Duration(rng.Int64N(int64(k.usual)))
				p := point{name: fmt.Sprintf("random %d after %s", i, after.Round(time.Millisecond)), reached: k.elapsed(after)}
				t.Run(p.name, func(t *testing.T) { k.run(t, victim, p) })
			}
		})
	}
}

// victim is a process to kill, and how to bring it back.
type victim struct {
	name   string
	kill   func(*testing.T, *killing)
	revive func(*testing.T, *killing)
	named  []point
}

// point is a moment of a backup.
type point struct {
	name    string
	hold    func(*killing)              // what keeps the moment from passing, before the backup starts
	reached func(*killing, string) bool // dir is the job's directory
	release func(*killing)
}

func victims() []victim {
	accepted := point{name: "accepted", reached: func(_ *killing, dir string) bool { return dir != "" }}
	started := point{name: "started, before borg", hold: (*killing).holdBefore, release: (*killing).release,
		reached: func(k *killing, dir string) bool { return dir != "" && exists(filepath.Join(k.gate, "at-before")) }}
	exited := point{name: "borg is done, no verdict", hold: (*killing).holdAfter, release: (*killing).release,
		reached: func(k *killing, dir string) bool { return dir != "" && exists(filepath.Join(k.gate, "at-after")) }}
	verdict := point{name: "verdict, not acknowledged",
		hold:    func(k *killing) { k.cutWhenRunning = true },
		reached: func(_ *killing, dir string) bool { return dir != "" && exists(filepath.Join(dir, "verdict")) },
		release: func(k *killing) { k.env.Proxy.Restore() }}
	all := []point{accepted, started, exited, verdict}
	return []victim{
		{
			name:   "agent daemon",
			kill:   func(t *testing.T, k *killing) { fatal(t, k.host().Kill()) },
			revive: func(t *testing.T, k *killing) { fatal(t, k.host().Start()) },
			named:  all,
		},
		{
			name:   "controller",
			kill:   func(t *testing.T, k *killing) { fatal(t, k.env.Controller.Kill()) },
			revive: func(t *testing.T, k *killing) { fatal(t, k.env.Controller.Start()) },
			named:  all,
		},
		{
			name: "job process",
			kill: func(t *testing.T, k *killing) {
				for _, pid := range k.host().JobProcesses() {
					if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
						t.Fatal(err)
					}
				}
			},
			revive: func(*testing.T, *killing) {},
			named:  []point{accepted, started, exited},
		},
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// killing is the fleet that is being hurt.
type killing struct {
	env    *testenv.Env
	repo   string
	source string
	gate   string   // directory through which the borg script is held
	wrote  string   // what borg wrote to stderr, by its own account
	want   []string // every file and directory of the source, as borg names it
	usual  time.Duration

	cutWhenRunning bool
	began          time.Time
	known          map[string]bool // archives of earlier runs
}

func newKilling(t *testing.T, files int) *killing {
	k := &killing{gate: t.TempDir(), known: map[string]bool{}}
	k.wrote = filepath.Join(k.gate, "stderr")
	// The script stands for borg: it can be held before and after the real one,
	// and keeps a copy of what that writes.
	script := borgScript(t, fmt.Sprintf(`
case " $* " in *" create "*) ;; *) exec $BORG "$@" ;; esac
G=%[1]s
if [ -e $G/hold-before ]; then touch $G/at-before; while [ -e $G/hold-before ]; do sleep 0.01; done; fi
{ $BORG "$@" 2>&1 >&3 | tee -a $G/stderr >&2; rc=${PIPESTATUS[0]}; } 3>&1
if [ -e $G/hold-after ]; then touch $G/at-after; while [ -e $G/hold-after ]; do sleep 0.01; done; fi
exit $rc
`, k.gate))
	k.env = newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "host", Env: script}},
	})
	k.source = tree(t, files)
	k.repo = register(t, k.env, repository{Name: "r", Sources: []string{k.source}, FileLog: "all"})
	err := filepath.WalkDir(k.source, func(path string, d os.DirEntry, err error) error {
		k.want = append(k.want, path)
		return err
	})
	fatal(t, err)
	sort.Strings(k.want)
	// The first run fills borg's caches; the second is what the others are like.
	k.checked(t, backup(t, k.env, k.repo))
	fatal(t, os.Remove(k.wrote))
	began := time.Now()
	k.checked(t, backup(t, k.env, k.repo))
	k.usual = time.Since(began)
	return k
}

func (k *killing) host() *testenv.Host { return k.env.Hosts["host"] }

func (k *killing) holdBefore() { k.touch("hold-before") }
func (k *killing) holdAfter()  { k.touch("hold-after") }

func (k *killing) touch(name string) {
	_ = os.WriteFile(filepath.Join(k.gate, name), nil, 0o600)
}

func (k *killing) release() {
	for _, name := range []string{"hold-before", "hold-after"} {
		_ = os.Remove(filepath.Join(k.gate, name))
	}
}

func (k *killing) elapsed(after time.Duration) func(*killing, string) bool {
	return func(k *killing, _ string) bool { return time.Since(k.began) >= after }
}

// run makes one backup and kills the victim at the point.
func (k *killing) run(t *testing.T, v victim, p point) {
	for _, name := range []string{"stderr", "at-before", "at-after", "hold-before", "hold-after"} {
		_ = os.Remove(filepath.Join(k.gate, name))
	}
	k.cutWhenRunning = false
	if p.hold != nil {
		p.hold(k)
	}
	before := k.directories()
	k.began = time.Now()
	id := start(t, k.env, k.repo)
	k.reach(t, p, before)
	v.kill(t, k)
	if p.release != nil {
		p.release(k)
	}
	v.revive(t, k)
	j, err := k.env.Finish(id)
	fatal(t, err)
	k.checked(t, j)
	if _, err := k.env.AwaitJob(id, "is complete", func(j testenv.Job) bool { return j.LogComplete }); err != nil {
		t.Error(err)
	}
	// A list may follow, of which the host alone decides.
	fatal(t, k.env.Await("no process is left", func() (bool, error) {
		return len(k.host().Borgs())+len(k.host().JobProcesses()) == 0, nil
	}))
}

// reach waits for the point, or for the end of the backup: a moment that a
// faster run has already passed is a moment too.
func (k *killing) reach(t *testing.T, p point, before map[string]bool) {
	t.Helper()
	err := k.env.Await(p.name, func() (bool, error) {
		dir := ""
		for d := range k.directories() {
			if !before[d] {
				dir = d
			}
		}
		if k.cutWhenRunning && dir != "" && exists(filepath.Join(dir, "started")) {
			k.env.Proxy.Cut()
			k.cutWhenRunning = false
		}
		return p.reached(k, dir), nil
	})
	fatal(t, err)
}

func (k *killing) directories() map[string]bool {
	dirs, _ := filepath.Glob(filepath.Join(k.host().StateDir, "jobs", "*"))
	out := map[string]bool{}
	for _, d := range dirs {
		out[d] = true
	}
	return out
}

// checked compares what the controller says of a job with the truth.
func (k *killing) checked(t *testing.T, j testenv.Job) {
	t.Helper()
	var fresh []string
	for _, a := range archives(t, k.env, "", k.repo) {
		if !k.known[a] {
			fresh = append(fresh, a)
			k.known[a] = true
		}
	}
	switch j.Status {
	case "completed", "completed_with_warnings":
		if len(fresh) != 1 || fresh[0] != j.ArchiveName {
			t.Errorf("%s (%s), but the new archives are %v", j.Status, j.ErrorMessage, fresh)
		}
	case "failed":
		if len(fresh) != 0 {
			t.Errorf("failed (%s), but there is a new archive %v", j.ErrorMessage, fresh)
		}
		if j.ErrorCode != "interrupted" {
			t.Errorf("failed with %s: %s", j.ErrorCode, j.ErrorMessage)
		}
	default:
		t.Errorf("nobody asked for %s", j.Status)
	}
	k.checkLines(t, j)
}

// checkLines: numbers without a hole, and each line that borg wrote about a
// file exactly once.
func (k *killing) checkLines(t *testing.T, j testenv.Job) {
	t.Helper()
	lines, err := k.env.API.Lines(j.ID)
	fatal(t, err)
	got := map[string]int{}
	for i, l := range lines {
		if l.Number != uint64(i+1) {
			t.Fatalf("line %d has number %d", i+1, l.Number)
		}
		if len(l.Content) > 2 && l.Content[1] == ' ' && strings.HasPrefix(l.Content[2:], k.source) {
			got[l.Content]++
		}
		if strings.Contains(l.Content, "missing here") {
			t.Errorf("a hole: %s", l.Content)
		}
	}
	wrote := k.borgWrote(t)
	for line, n := range wrote {
		if got[line] != n {
			t.Errorf("borg wrote %q %d times, the log has it %d times", line, n, got[line])
			return
		}
	}
	for line, n := range got {
		if wrote[line] != n {
			t.Errorf("the log has %q %d times, borg wrote it %d times", line, n, wrote[line])
			return
		}
	}
	if j.Status == "completed" && len(got) != len(k.want) {
		t.Errorf("%d files in the log, %d in the source", len(got), len(k.want))
	}
}

// borgWrote reads the copy of borg's stderr: each file status as the log shows
// it, and how often.
func (k *killing) borgWrote(t *testing.T) map[string]int {
	t.Helper()
	out := map[string]int{}
	data, err := os.ReadFile(k.wrote)
	if os.IsNotExist(err) {
		return out // killed before borg was executed
	}
	fatal(t, err)
	for line := range strings.Lines(string(data)) {
		var m struct{ Type, Status, Path string }
		if !strings.HasPrefix(line, `{"type": "file_status"`) {
			continue
		}
		decode(t, []byte(line), &m)
		out[m.Status+" "+m.Path]++
	}
	return out
}
