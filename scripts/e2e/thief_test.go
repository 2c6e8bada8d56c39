package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
)

// storage stands for a server that hosts reach by ssh: what it runs, it runs
// here, in a session and with borg directories of its own.
type storage struct {
	t   *testing.T
	dir string
}

// ssh is a program in ssh's place. more are options that the server adds to borg
// serve for the key of whoever uses it.
func (s storage) ssh(name, more string) string {
	s.t.Helper()
	file := filepath.Join(s.dir, name)
	fatal(s.t, os.WriteFile(file, []byte(fmt.Sprintf(`#!/bin/bash
while [ $# -gt 0 ]; do case "$1" in -p|-o|-i) shift 2;; -*) shift;; *) shift; break;; esac; done
export BORG_BASE_DIR=%s/server HOME=%s PATH=%q; mkdir -p $BORG_BASE_DIR
exec setsid $* %s
`, s.dir, s.dir, os.Getenv("PATH"), more)), 0o755))
	return file
}

func (s storage) location(path string) string {
	return "ssh://backup@store.example.org" + filepath.Join(s.dir, path)
}

// robbed is a fleet of a host that its server lets only append, and of a keeper
// that may do everything and is the maintainer.
type robbed struct {
	*maintained
	server storage
	path   string // of the repository
	key    string // what ssh is for the host
	kept   int64  // the keeper's registration
	made   []testenv.Job
}

func newRobbed(t *testing.T) *robbed {
	t.Helper()
	s := storage{t, t.TempDir()}
	w := &robbed{maintained: &maintained{t: t, repo: "r"}, path: s.location("repo"), server: s, key: s.ssh("ssh-host", "--append-only")}
	allowed := []string{"--allow-repository", s.location("**"), "--allow-maintenance"}
	w.Env = newFleet(t, testenv.Fleet{Controller: []string{"--log-policy", "all"}, Agents: []testenv.Agent{
		{Name: "host", Allow: allowed, Config: "ssh:\n  command: [" + w.key + "]\n"},
		{Name: "keeper", Allow: allowed, Config: "ssh:\n  command: [" + s.ssh("ssh-keeper", "") + "]\n"},
	}})
	own := repository{Name: "r", Agent: "host", Path: w.path, Encryption: "repokey-blake2", Passphrase: "p", Sources: []string{bigTree(t, 1<<20)}}
	w.id = w.registers("/api/repositories", own.body(w.Env))
	for range 3 {
		w.made = append(w.made, backup(t, w.Env, "r"))
	}
	w.kept = w.registers("/api/repositories/import", map[string]any{"name": "kept", "agent": "keeper", "path": w.path, "encryption": "repokey-blake2", "passphrase": "p"})
	fatal(t, w.API.Do("PUT", fmt.Sprintf("/api/repositories/%d", w.id), map[string]any{"maintainer": "keeper"}, nil))
	return w
}

// registers waits until the repository is ready: on a busy machine borg's init
// takes longer than the call does.
func (w *robbed) registers(path string, body map[string]any) (id int64) {
	w.t.Helper()
	var r struct {
		ID     int64
		Status string
	}
	fatal(w.t, w.API.Post(path, body, &r))
	fatal(w.t, w.Await("it is ready", func() (bool, error) {
		err := w.API.Get(fmt.Sprintf("/api/repositories/%d", r.ID), &r)
		return r.Status == "ready", err
	}))
	return r.ID
}

// thief runs borg with the host's key, from anywhere.
func (w *robbed) thief(args ...string) string {
	w.t.Helper()
	cmd := exec.Command("borg", args...)
	cmd.Env = append(os.Environ(), "BORG_BASE_DIR="+filepath.Join(w.server.dir, "thief"), "BORG_PASSPHRASE=p", "BORG_RSH="+w.key, "BORG_RELOCATED_REPO_ACCESS_IS_OK=yes")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("borg %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// repository is the directory on the server.
func (w *robbed) repository() string { return filepath.Join(w.server.dir, "repo") }

// onServer is what the repository has for whoever sits on the server: a new
// reader each time, which remembers nothing.
func (w *robbed) onServer() []string {
	w.t.Helper()
	cmd := exec.Command("borg", "list", "--short", w.repository())
	cmd.Env = append(os.Environ(), "BORG_BASE_DIR="+w.t.TempDir(), "BORG_PASSPHRASE=p", "BORG_RELOCATED_REPO_ACCESS_IS_OK=yes")
	out, err := cmd.Output()
	fatal(w.t, err)
	return strings.Fields(string(out))
}

// transaction is the newest one that the server has noted.
func (w *robbed) transaction() int {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.repository(), "transactions"))
	fatal(w.t, err)
	rows := strings.Split(strings.TrimSpace(string(data)), "\n")
	_, rest, _ := strings.Cut(rows[len(rows)-1], "transaction ")
	number, _, _ := strings.Cut(rest, ",")
	n, err := strconv.Atoi(number)
	fatal(w.t, err)
	return n
}

// rollBack does what docs/vanished.md says, on the server and on the hosts.
func (w *robbed) rollBack(to int) {
	w.t.Helper()
	segments, err := filepath.Glob(filepath.Join(w.repository(), "data", "*", "*"))
	fatal(w.t, err)
	for _, s := range segments {
		if n, err := strconv.Atoi(filepath.Base(s)); err == nil && n > to {
			fatal(w.t, os.Remove(s))
		}
	}
	for _, kind := range []string{"index.*", "hints.*", "integrity.*"} {
		files, err := filepath.Glob(filepath.Join(w.repository(), kind))
		fatal(w.t, err)
		for _, f := range files {
			fatal(w.t, os.Remove(f))
		}
	}
	for _, h := range w.Hosts {
		base := filepath.Join(h.StateDir, "borg")
		for _, pattern := range []string{".config/borg/security/*/manifest-timestamp", ".cache/borg/*"} {
			files, err := filepath.Glob(filepath.Join(base, pattern))
			fatal(w.t, err)
			for _, f := range files {
				fatal(w.t, os.RemoveAll(f))
			}
		}
	}
}

// TestAThiefOnTheHost deletes archives with the host's key, which the server
// takes as something appended, and waits for the maintainer's compact to make it
// final. It is stopped before that, the alert names them, their data is still
// there, and they come back.
func TestAThiefOnTheHost(t *testing.T) {
	t.Parallel()
	w := newRobbed(t)
	before := w.transaction()
	stolen := []string{w.made[0].ArchiveName, w.made[1].ArchiveName}
	for _, name := range stolen {
		w.thief("delete", w.path+"::"+name)
	}
	w.thief("compact", w.path) // which changes nothing
	if got := w.onServer(); !slices.Equal(got, []string{w.made[2].ArchiveName}) {
		t.Fatalf("the thief left %v", got)
	}

	j := w.run("compact", nil)
	if j.Status != "failed" || j.ErrorCode != "archives_vanished" || j.Agent != "keeper" || j.Freed != nil {
		t.Errorf("compact: %+v", j)
	}
	for _, name := range stolen {
		if !strings.Contains(j.ErrorMessage, name) || !strings.Contains(j.Logs, name) {
			t.Errorf("%s is not named: %s", name, j.ErrorMessage)
		}
	}
	for _, repo := range []string{"r", "kept"} {
		vanished(t, w.Env, repo, stolen...)
	}
	err := w.API.Post(fmt.Sprintf("/api/repositories/%d/compact", w.id), nil, nil)
	if p := wantProblem(t, "compact again", err, 409); p.Code != "archives_vanished" || !strings.Contains(p.Detail, stolen[0]) || !strings.Contains(p.Detail, stolen[1]) {
		t.Errorf("%+v", p)
	}
	err = w.API.Post(fmt.Sprintf("/api/repositories/%d/compact", w.kept), nil, nil)
	wantProblem(t, "compact through the maintainer's own registration", err, 409)

	w.settled()
	w.rollBack(before)
	if got := w.onServer(); len(got) != 3 {
		t.Fatalf("brought back: %v", got)
	}
	w.check()
	fatal(t, w.API.Get("/api/archives/list?refresh=true&repository=kept", nil))
	vanished(t, w.Env, "kept")
	vanished(t, w.Env, "r")
	if j := w.run("compact", nil); j.Status != "completed" {
		t.Errorf("with all of them back: %+v", j)
	}
	if j := backup(t, w.Env, "r"); j.Status != "completed" {
		t.Errorf("the host backs up: %+v", j)
	}
}

// check has borg read every byte of what there is.
func (w *robbed) check() {
	w.t.Helper()
	cmd := exec.Command("borg", "check", "--verify-data", w.repository())
	cmd.Env = append(os.Environ(), "BORG_BASE_DIR="+w.t.TempDir(), "BORG_PASSPHRASE=p", "BORG_RELOCATED_REPO_ACCESS_IS_OK=yes")
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Errorf("%v\n%s", err, out)
	}
}

// TestMaintainerPrunes: what the owner is asked for runs on the maintainer, for
// the owner's archives, and is no theft; the owner never does it.
func TestMaintainerPrunes(t *testing.T) {
	t.Parallel()
	w := newRobbed(t)
	j := w.run("prune", map[string]any{"keep_daily": 1})
	if j.Status != "completed" || j.Agent != "keeper" || j.Deleted == nil || *j.Deleted != 2 {
		t.Errorf("prune: %+v", j)
	}
	w.names(w.made[2].ArchiveName)
	vanished(t, w.Env, "r")
	vanished(t, w.Env, "kept")
	if j := w.run("compact", nil); j.Status != "completed" || j.Agent != "keeper" || j.Freed == nil || *j.Freed < 1 {
		t.Errorf("compact: %+v", j)
	}
	if j := w.run("check", nil); j.Status != "completed" || j.Agent != "keeper" {
		t.Errorf("check: %+v", j)
	}
	for _, args := range [][]string{{"prune", "r", "--keep-daily", "1", "-f"}, {"check", "r", "-f"}} {
		out, err := w.Hosts["host"].CLI(args...)
		if err == nil || !strings.Contains(out, "another agent") {
			t.Errorf("%v on the owner: %v\n%s", args, err, out)
		}
	}
	if out, err := w.Controller.CLI("repositories", "show", "r"); err != nil || !strings.Contains(out, "keeper") {
		t.Errorf("%v\n%s", err, out)
	}
	err := w.API.Do("PUT", fmt.Sprintf("/api/repositories/%d", w.id), map[string]any{"maintainer": "nobody"}, nil)
	wantProblem(t, "an unknown maintainer", err, 422)
}
