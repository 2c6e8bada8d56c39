package jobproc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
	"borgfleet/shared/wire"
)

// TestMain makes the test binary a job process when a test starts it as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Verb {
		os.Exit(jobProcess(os.Args[2:]))
	}
	os.Exit(withShared(m))
}

// shared is what every host of the tests begins with.
var shared struct {
	tools    []borg.Tool // one of each version
	versions []byte      // a version cache of them: asking borg takes a quarter of a second
	repo     string      // a fresh repository
	aged     string      // one with archives of three days
}

func withShared(m *testing.M) int {
	dir, err := os.MkdirTemp("", "jobproc")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	findBorgs(filepath.Join(dir, "versions"))
	shared.repo, shared.aged = filepath.Join(dir, "repo"), filepath.Join(dir, "aged")
	borgIn := func(in string, args ...string) {
		cmd := exec.Command("borg", args...)
		cmd.Dir = in
		cmd.Env = append(os.Environ(), "BORG_PASSPHRASE="+passphrase, "BORG_BASE_DIR="+filepath.Join(dir, "base"), "BORG_RELOCATED_REPO_ACCESS_IS_OK=yes")
		if out, err := cmd.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("borg %v: %v\n%s", args, err, out))
		}
	}
	borgIn(dir, "init", "-e", "repokey-blake2", shared.repo)
	if err := os.CopyFS(shared.aged, os.DirFS(shared.repo)); err != nil {
		panic(err)
	}
	for day := range 3 {
		own := filepath.Join(dir, "own")
		name := ownName(job.Repository{Name: "a"}, 5+day)
		if err := os.WriteFile(own, []byte(strings.Repeat(name, 2000)), 0o600); err != nil {
			panic(err)
		}
		borgIn(dir, "create", "--timestamp", agedAt(5+day), shared.aged+"::"+name, "own")
	}
	return m.Run()
}

// findBorgs looks once for the borg on PATH and those that BORGFLEET_TEST_BORGS
// lists.
func findBorgs(cache string) {
	versions := borg.OpenVersionCache(cache)
	seen := map[borg.Version]bool{}
	for _, name := range append([]string{"borg"}, filepath.SplitList(os.Getenv("BORGFLEET_TEST_BORGS"))...) {
		tool, err := versions.Find(context.Background(), name)
		if err != nil {
			panic(err)
		}
		if !seen[tool.Version] {
			seen[tool.Version] = true
			shared.tools = append(shared.tools, tool)
		}
	}
	shared.versions, _ = os.ReadFile(cache)
}

// The knobs of a job process under test.
const (
	envDieAt  = "TEST_DIE_AT"  // kill -9 itself at this point
	envTermAt = "TEST_TERM_AT" // tell itself to end there, as a shutdown does
	envTimes  = "TEST_TIMES"   // note there when each point was passed
	envGrace  = "TEST_GRACE"   // instead of the default
	envHost   = "TEST_HOST"    // the machine-id; testMachine if it is not set
)

func jobProcess(args []string) int {
	c, err := parse(args, os.Stderr)
	if err != nil {
		return exitUsage
	}
	beSmall()
	note := noteTimes(os.Getenv(envTimes))
	note("main")
	defer note("left")
	var shutDown func()
	c.Hook = func(point string) {
		note(point)
		switch point {
		case os.Getenv(envDieAt):
			unix.Kill(os.Getpid(), unix.SIGKILL)
			select {}
		case os.Getenv(envTermAt):
			shutDown()
		}
	}
	c.Grace, _ = time.ParseDuration(os.Getenv(envGrace))
	c.MachineID = func() (string, error) { return cmp.Or(os.Getenv(envHost), testMachine), nil }
	c.LockedWait = Backoff{50 * time.Millisecond, 200 * time.Millisecond}
	c.VerifyWait = Backoff{50 * time.Millisecond, 200 * time.Millisecond}
	c.NotNowWait, c.HookGrace = Backoff{50 * time.Millisecond, 200 * time.Millisecond}, 500*time.Millisecond
	c.RetryWait = Backoff{10 * time.Millisecond, 50 * time.Millisecond}
	c.Limits = jobdir.Limits{MinFree: -1}
	disregard(syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	shutDown = func() {
		unix.Kill(os.Getpid(), unix.SIGTERM)
		<-ctx.Done()
	}
	return Run(ctx, c)
}

// noteTimes returns a function that appends a name and a time to a file.
func noteTimes(file string) func(string) {
	if file == "" {
		return func(string) {}
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		panic(err)
	}
	return func(name string) { fmt.Fprintf(f, "%s %d\n", name, time.Now().UnixNano()) }
}

// testMachine is where the tests' agents were enrolled.
const testMachine = "m1"

const passphrase = "correct horse battery"

// host is one agent host in a temporary directory.
type host struct {
	t    testing.TB
	root string
	st   state.Dir
	id   state.Identity
	key  *seal.Identity
	env  []string // of job processes
	tool string   // the borg that is used
}

func newHost(t testing.TB) *host {
	t.Helper()
	root := t.TempDir()
	st, err := state.At(filepath.Join(root, "state"))
	must(t, err)
	must(t, st.Create())
	h := &host{t: t, root: root, st: st, id: state.Identity{
		AgentID: "0f1e2d3c-0000-4000-8000-000000000001", Name: "web1", MachineID: testMachine, StateID: state.NewStateID(),
	}}
	must(t, st.SaveIdentity(h.id))
	h.key, err = seal.NewIdentity()
	must(t, err)
	must(t, h.key.Save(st.AgeKey()))
	h.configure(func(*policy.Config) {})
	h.write(st.BorgVersions(), string(shared.versions))
	h.env = os.Environ()
	h.tool = "borg"
	return h
}

// eachBorg runs a test with every borg there is.
func eachBorg(t *testing.T, test func(h *host)) {
	t.Parallel()
	withBorgs(t, shared.tools, test)
}

// eachCase runs a test with every case and with every borg, but not with every
// pair: the first case meets all borgs, the others take turns. It is for cases that
// no borg treats in a way of its own.
func eachCase(t *testing.T, cases []string, test func(h *host, name string)) {
	t.Parallel()
	for i, name := range cases {
		tools := shared.tools
		if i > 0 {
			tools = tools[i%len(tools):][:1]
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withBorgs(t, tools, func(h *host) { test(h, name) })
		})
	}
}

func withBorgs(t *testing.T, tools []borg.Tool, test func(h *host)) {
	t.Helper()
	for _, tool := range tools {
		t.Run(tool.Version.String(), func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.tool = tool.Path
			h.configure(func(*policy.Config) {})
			test(h)
		})
	}
}

func (h *host) configure(change func(*policy.Config)) {
	h.t.Helper()
	c := policy.Default()
	if h.tool != "" {
		c.Borg = h.tool
	}
	must(h.t, c.Allow.AddRepository(filepath.Join(h.root, "repos")+"/**"))
	change(&c)
	must(h.t, c.Save(h.st.Config()))
}

func (h *host) path(name string) string { return filepath.Join(h.root, name) }

// repo is a repository definition; it is made by borg only with init.
func (h *host) repo(name string) job.Repository {
	h.t.Helper()
	path := filepath.Join(h.root, "repos", name)
	sealed, err := seal.Seal(h.key.Recipient(), h.id.AgentID, job.Location(path, h.id.AgentID), []byte(passphrase))
	must(h.t, err)
	return job.Repository{
		ID: 1, Name: name, Path: path, Encryption: "repokey-blake2", Compression: "none",
		Sources: []string{h.path("src")}, PassphraseSealed: sealed, LockWait: time.Second,
	}
}

// inited is a repository that exists: a copy of one that was made once, since
// borg takes half a second to make it. One for each host: borg would see that
// two places have the same repository.
func (h *host) inited(name string) job.Repository { return h.copied(name, shared.repo) }

// ofThreeDays is a repository named a with archives of its own of the days 5, 6 and 7.
func (h *host) ofThreeDays() job.Repository { return h.copied("a", shared.aged) }

func (h *host) copied(name, template string) job.Repository {
	h.t.Helper()
	repo := h.repo(name)
	must(h.t, os.MkdirAll(filepath.Dir(repo.Path), 0o700))
	must(h.t, os.CopyFS(repo.Path, os.DirFS(template)))
	return repo
}

func (h *host) sealFor(agent, path string) []byte {
	h.t.Helper()
	sealed, err := seal.Seal(h.key.Recipient(), agent, job.Location(path, agent), []byte(passphrase))
	must(h.t, err)
	return sealed
}

func (h *host) write(path, content string) {
	h.t.Helper()
	must(h.t, os.WriteFile(path, []byte(content), 0o600))
}

// borg runs the real borg as the agent would.
func (h *host) borg(args ...string) []byte {
	h.t.Helper()
	out, err := h.tryBorg(args...)
	if err != nil {
		h.t.Fatalf("borg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (h *host) tryBorg(args ...string) ([]byte, error) {
	return h.borgWith([]string{"BORG_BASE_DIR=" + h.st.BorgBase(), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes"}, args...)
}

// byHand runs borg as a person does who has the account: with its own borg
// directories.
func (h *host) byHand(args ...string) []byte {
	h.t.Helper()
	out, err := h.borgWith([]string{"HOME=" + h.path("home"), "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING=YES"}, args...)
	if err != nil {
		h.t.Fatalf("borg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (h *host) borgWith(env []string, args ...string) ([]byte, error) {
	cmd := exec.Command(h.tool, args...)
	cmd.Env = append(append(os.Environ(), "BORG_PASSPHRASE="+passphrase, "BORG_HOST_ID="+h.id.AgentID+"+"+h.id.MachineID), env...)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, errOut.String())
	}
	return out, err
}

// archives names the archives of a repository.
func (h *host) archives(repo job.Repository) []string {
	h.t.Helper()
	var answer struct{ Archives []struct{ Name string } }
	must(h.t, json.Unmarshal(h.borg("list", "--json", "--lock-wait", "20", repo.Path), &answer))
	names := []string{}
	for _, a := range answer.Archives {
		names = append(names, a.Name)
	}
	return names
}

func (h *host) file(name, content string) {
	h.t.Helper()
	path := h.path(name)
	must(h.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(h.t, os.WriteFile(path, []byte(content), 0o644))
}

// files makes n small files below src and returns their paths.
func (h *host) files(n int) []string {
	h.t.Helper()
	var paths []string
	for i := range n {
		name := fmt.Sprintf("src/d%03d/file%05d", i/100, i)
		h.file(name, fmt.Sprintf("content of %d\n", i))
		paths = append(paths, h.path(name))
	}
	return paths
}

func (h *host) spec(kind job.Kind, repo job.Repository) job.Spec {
	return job.Spec{
		Kind: kind, Repository: repo, CreatedAt: time.Now(), StartDeadline: time.Now().Add(time.Hour),
		TriggeredBy: job.ByManual, RequestedBy: "test",
	}
}

func (h *host) order(spec job.Spec) *jobdir.Dir {
	h.t.Helper()
	key, err := job.NewKey()
	must(h.t, err)
	d, err := jobdir.Create(h.st.Jobs(), key, spec, job.PhaseAccepted)
	must(h.t, err)
	return d
}

// spawn starts a job process as the daemon does.
func (h *host) spawn(d *jobdir.Dir, env ...string) *exec.Cmd {
	h.t.Helper()
	lock, err := d.TryLock()
	must(h.t, err)
	cmd := Command("/proc/self/exe", h.st, h.st.Config(), d, lock)
	cmd.Env = append(append([]string{}, h.env...), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(h.t, cmd.Start())
	lock.Close()
	h.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		for _, holder := range must1(d.BorgHolders()) {
			holder.Signal(unix.SIGKILL)
			holder.Close()
		}
		if h.t.Failed() {
			b, _ := os.ReadFile(d.LogPath())
			h.t.Logf("job process said: %s%s", out.Bytes(), b)
		}
	})
	return cmd
}

// signalBorg is somebody else who signals the job's borg.
func (h *host) signalBorg(d *jobdir.Dir, sig unix.Signal) {
	h.t.Helper()
	holders, err := d.BorgHolders()
	must(h.t, err)
	if len(holders) == 0 {
		h.t.Fatal("there is no borg")
	}
	for _, holder := range holders {
		must(h.t, holder.Signal(sig))
		holder.Close()
	}
}

// must1 is for cleanups: an error there is no finding.
func must1[T any](v T, _ error) T { return v }

// finish runs job processes until there is a verdict, as the daemon does.
func (h *host) finish(d *jobdir.Dir, env ...string) job.Verdict {
	h.t.Helper()
	for range 20 {
		cmd := h.spawn(d, env...)
		cmd.Wait()
		if d.Ended() {
			return h.verdict(d)
		}
		env = nil
	}
	b, _ := os.ReadFile(d.LogPath())
	h.t.Fatalf("no verdict after 20 job processes:\n%s", b)
	return job.Verdict{}
}

func (h *host) run(spec job.Spec) (*jobdir.Dir, job.Verdict) {
	h.t.Helper()
	d := h.order(spec)
	return d, h.finish(d)
}

func (h *host) verdict(d *jobdir.Dir) job.Verdict {
	h.t.Helper()
	v, err := d.Verdict()
	must(h.t, err)
	if v == nil {
		h.t.Fatal("no verdict")
	}
	return *v
}

// log reads the whole journal and checks its numbers.
func (h *host) log(d *jobdir.Dir) []job.Record {
	h.t.Helper()
	r := d.NewReader()
	defer r.Close()
	var out []job.Record
	next := uint64(1)
	for {
		recs, n, err := r.Read(next, 64<<10)
		must(h.t, err)
		if len(recs) == 0 {
			break
		}
		for _, rec := range recs {
			out = append(out, wire.ToRecord(rec))
		}
		next = n
	}
	for i, rec := range out {
		if rec.Number != uint64(i+1) {
			h.t.Fatalf("record %d has number %d", i+1, rec.Number)
		}
	}
	if v, _ := d.Verdict(); v != nil && v.JournalEnd != uint64(len(out)) {
		h.t.Errorf("the verdict says %d records, there are %d", v.JournalEnd, len(out))
	}
	return out
}

func logText(recs []job.Record) string {
	var b strings.Builder
	for _, r := range recs {
		fmt.Fprintf(&b, "%d %d %s %s\n", r.Number, r.Level, r.Source, r.Text)
	}
	return b.String()
}

// await polls a condition that has no event.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
