package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
)

// TestCutLink: the connection is cut again and again while a backup logs every
// file; borg notices nothing, and every line arrives once.
func TestCutLink(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	const files = 3000
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, files)}, FileLog: "all"})
	id := start(t, env, repo)
	if _, err := env.AwaitJob(id, "runs", func(j testenv.Job) bool { return j.Status == "running" }); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		env.Proxy.Cut()
		if _, err := env.AwaitJob(id, "is known to be out of sight", func(j testenv.Job) bool { return j.Final() || !j.AgentOnline }); err != nil {
			t.Fatal(err)
		}
		env.Proxy.Restore()
		if _, err := env.AwaitJob(id, "is in sight again", func(j testenv.Job) bool { return j.AgentOnline }); err != nil {
			t.Fatal(err)
		}
	}
	j, err := env.Finish(id)
	if err != nil || j.Status != "completed" || j.Details.NFiles != files {
		t.Fatalf("%+v, %v", j, err)
	}
	lines, err := env.API.Lines(id)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i, l := range lines {
		if l.Number != uint64(i+1) {
			t.Fatalf("line %d has number %d", i+1, l.Number)
		}
		if strings.HasPrefix(l.Content, "A /") {
			seen[l.Content]++
		}
	}
	for line, n := range seen {
		if n != 1 {
			t.Errorf("%q is there %d times", line, n)
		}
	}
	if len(seen) != files {
		t.Errorf("%d files in the log, want %d", len(seen), files)
	}
}

// TestBackupsGoOnWithoutTheController: one that runs when it dies, and its
// verdict afterwards; the host's command line answers all the while.
func TestBackupsGoOnWithoutTheController(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	host := env.Hosts["host"]
	repo := register(t, env, repository{Name: "r", Sources: []string{bigTree(t, 200<<20)}})
	id := start(t, env, repo)
	if _, err := env.AwaitJob(id, "runs", func(j testenv.Job) bool { return j.Status == "running" }); err != nil {
		t.Fatal(err)
	}
	if err := env.Controller.Kill(); err != nil {
		t.Fatal(err)
	}
	says(t, env, "not connected")
	if out, err := host.CLI("logs", itoa(id), "-f"); err != nil || !strings.Contains(out, "Backup finished") {
		t.Errorf("logs -f without a controller: %v\n%s", err, out)
	}
	if got := archives(t, env, "", repo); len(got) != 1 {
		t.Errorf("archives %v", got)
	}
	if err := env.Controller.Start(); err != nil {
		t.Fatal(err)
	}
	if j, err := env.Finish(id); err != nil || j.Status != "completed" {
		t.Errorf("%+v, %v", j, err)
	}
}

// TestHostCommands: a backup started on the host gets its number from the
// controller and is in its history.
func TestHostCommands(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	host := env.Hosts["host"]
	register(t, env, repository{Name: "r", Sources: []string{tree(t, 10)}})
	if out, err := host.CLI("backup", "r", "-f"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out := ""
	err := env.Await("the controller has it too", func() (ok bool, err error) { // the host knows the end first
		out, err = env.Controller.CLI("jobs", "list", "-o", "json")
		return strings.Contains(out, `"completed"`) && strings.Contains(out, `"agent"`), err
	})
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = host.CLI("jobs"); err != nil || !strings.Contains(out, "completed") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSSHRepository: the host's own ssh settings, one location for two hosts,
// and only one of them writes at a time.
func TestSSHRepository(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ssh := filepath.Join(dir, "ssh")
	// Stands for ssh and sshd: runs the remote command here, in a session and
	// with a borg base directory of its own.
	script := fmt.Sprintf(`#!/bin/bash
while [ $# -gt 0 ]; do case "$1" in -p|-o|-i) shift 2;; -*) shift;; *) shift; break;; esac; done
export BORG_BASE_DIR=%s/server HOME=%s PATH=%q; mkdir -p $BORG_BASE_DIR
exec setsid $*
`, dir, dir, os.Getenv("PATH"))
	if err := os.WriteFile(ssh, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	location := "ssh://backup@store.example.org" + dir
	agent := func(name string) testenv.Agent {
		return testenv.Agent{Name: name, Allow: []string{"--allow-repository", location + "/**"}, Config: "ssh:\n  command: [" + ssh + "]\n"}
	}
	env := newFleet(t, testenv.Fleet{Controller: []string{"--log-policy", "all"}, Agents: []testenv.Agent{agent("one"), agent("two")}})
	path := location + "/repo"
	first := register(t, env, repository{Name: "r1", Agent: "one", Path: path, Encryption: "repokey", Passphrase: "p", Sources: []string{bigTree(t, 150<<20)}})
	register(t, env, repository{Name: "r2", Agent: "two", Path: path, Encryption: "repokey", Passphrase: "p", Sources: []string{tree(t, 3)}})
	var problem error
	if problem = env.API.Post("/api/backup/start", map[string]string{"repository": first}, nil); problem == nil {
		t.Fatal("an ambiguous path was taken")
	}
	wantProblem(t, "ambiguous", problem, 409)
	id := start(t, env, "r1")
	if _, err := env.AwaitJob(id, "runs", func(j testenv.Job) bool { return j.Status == "running" }); err != nil {
		t.Fatal(err)
	}
	other := start(t, env, "r2")
	if j, err := env.API.Job(other); err != nil || j.WaitingFor != fmt.Sprintf("repository busy (job %d)", id) {
		t.Errorf("the other host waits for %q, %v", j.WaitingFor, err)
	}
	for _, n := range []int64{id, other} {
		if j, err := env.Finish(n); err != nil || j.Status != "completed" {
			t.Errorf("job %d: %s %q, %v", n, j.Status, j.ErrorMessage, err)
		}
	}
}
