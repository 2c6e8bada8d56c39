// Package e2e tests the real programs as people and scripts use them: real
// borg, real TLS, real store, real processes.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"borgfleet/scripts/faultfs"
	"borgfleet/scripts/testenv"
)

// programs is where TestMain built the two programs.
var programs string

// beside is how many tests run beside each other at least.
const beside = 4

func TestMain(m *testing.M) {
	faultfs.Serving()
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "borgfleet-e2e-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"controller", "agent"} {
		cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(dir, "borgfleet-"+name), "borgfleet/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", name, err, out)
			return 1
		}
	}
	programs = dir
	// Mostly they wait: for connections to come back, for an agent to look.
	flag.Parse()
	if runtime.GOMAXPROCS(0) < beside {
		if err := flag.Set("test.parallel", strconv.Itoa(beside)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// newFleet starts a fleet that ends with the test, and shows what its
// processes printed if the test failed.
func newFleet(t *testing.T, f testenv.Fleet) *testenv.Env {
	t.Helper()
	f.Dir, f.Bin = fleetDir(t), programs
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(f.Dir, "logs", "*.log"))
			for _, l := range logs {
				data, _ := os.ReadFile(l)
				t.Logf("%s:\n%s", filepath.Base(l), tail(string(data), 60))
			}
		}
	})
	env, err := testenv.Start(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	checker(t, env)
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	})
	return env
}

// fleetDir has no test's name in it: the path of a socket has room for 107 bytes.
func fleetDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fleet-")
	fatal(t, err)
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func tail(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// oneHost is a fleet with the single agent "host" and log_policy all.
func oneHost(t *testing.T, more ...string) *testenv.Env {
	t.Helper()
	return newFleet(t, testenv.Fleet{
		Controller: append([]string{"--log-policy", "all"}, more...),
		Agents:     []testenv.Agent{{Name: "host"}},
	})
}

// repository is what a test says of a repository; empty fields are left out.
type repository struct {
	Name, Path, Agent, Passphrase, FileLog string
	Encryption                             string // default none
	Sources                                []string
	More                                   map[string]any
}

func (r repository) body(env *testenv.Env) map[string]any {
	if r.Path == "" {
		r.Path = filepath.Join(env.Repositories(), r.Name)
	}
	if r.Encryption == "" {
		r.Encryption = "none"
	}
	body := map[string]any{"name": r.Name, "path": r.Path, "encryption": r.Encryption, "source_directories": r.Sources}
	for k, v := range map[string]string{"agent": r.Agent, "passphrase": r.Passphrase, "file_log": r.FileLog} {
		if v != "" {
			body[k] = v
		}
	}
	for k, v := range r.More {
		body[k] = v
	}
	return body
}

// register registers a repository and gives its path.
func register(t *testing.T, env *testenv.Env, r repository) string {
	t.Helper()
	body := r.body(env)
	var out struct {
		ID     int64
		Status string
	}
	if err := env.API.Post("/api/repositories", body, &out); err != nil {
		t.Fatalf("register %s: %v", r.Name, err)
	}
	// The answer does not wait for ever, and a busy machine takes its time.
	if err := env.Await("repository "+r.Name+" is there", func() (bool, error) {
		return out.Status != "pending", env.API.Get("/api/repositories/"+itoa(out.ID), &out)
	}); err != nil || out.Status != "ready" {
		t.Fatalf("repository %s is %s: %v", r.Name, out.Status, err)
	}
	return body["path"].(string)
}

// backup starts a backup and waits for its end.
func backup(t *testing.T, env *testenv.Env, repo string) testenv.Job {
	t.Helper()
	id := start(t, env, repo)
	j, err := env.Finish(id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func start(t *testing.T, env *testenv.Env, repo string) int64 {
	t.Helper()
	id, err := env.API.Backup(repo)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return id
}

// tree makes a directory with n small files and gives its path.
func tree(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		sub := filepath.Join(dir, fmt.Sprintf("d%03d", i/100))
		if i%100 == 0 {
			if err := os.Mkdir(sub, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("f%05d", i)), []byte(fmt.Sprintf("file %d\n", i)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// borg runs plain borg, as an administrator would beside the fleet.
func borg(t *testing.T, env *testenv.Env, passphrase string, args ...string) string {
	t.Helper()
	cmd := exec.Command("borg", args...)
	cmd.Env = append(os.Environ(), "BORG_BASE_DIR="+filepath.Join(env.Dir, "plain-borg"), "BORG_PASSPHRASE="+passphrase,
		"BORG_RELOCATED_REPO_ACCESS_IS_OK=yes", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes", "TZ=UTC")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("borg %v: %v\n%s", args, err, errs.String())
	}
	return string(out)
}

func archives(t *testing.T, env *testenv.Env, passphrase, repo string) []string {
	t.Helper()
	return strings.Fields(borg(t, env, passphrase, "list", "--short", repo))
}
