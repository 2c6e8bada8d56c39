package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"borgfleet/scripts/testenv"
	"borgfleet/shared/owndir"
)

// hooking is a fleet whose host has hooks, each of which notes that it runs.
type hooking struct {
	*testenv.Env
	t    *testing.T
	dir  string // of the hooks
	root string // where they note
}

func newHooking(t *testing.T, agent testenv.Agent) *hooking {
	t.Helper()
	h := &hooking{t: t, dir: owndir.New(t), root: t.TempDir()}
	agent.Name = "host"
	agent.Config = "hooks:\n  directory: " + h.dir + "\n  time_limit: 1m\n"
	h.Env = newFleet(t, testenv.Fleet{Controller: []string{"--log-policy", "all"}, Agents: []testenv.Agent{agent}})
	return h
}

func (h *hooking) hook(name, more string) {
	h.t.Helper()
	script := fmt.Sprintf("#!/bin/sh\nDIR=%s\necho $BORGFLEET_HOOK $BORGFLEET_HOOK_TIME $BORGFLEET_JOB_OUTCOME >>$DIR/ran\n%s\n", h.root, more)
	fatal(h.t, os.WriteFile(filepath.Join(h.dir, name), []byte(script), 0o700))
}

// slow is a hook that works until somebody lets it go.
func (h *hooking) slow(name string) {
	h.t.Helper()
	h.hook(name, "echo working; touch $DIR/working; while ! test -e $DIR/go; do sleep 0.02; done")
}

// reg registers a repository with one hook of each time, and two before.
func (h *hooking) reg(name string) string {
	h.t.Helper()
	for _, hook := range []string{"b1", "b2", "good", "warn", "fail", "undo"} {
		if _, err := os.Stat(filepath.Join(h.dir, hook)); err != nil {
			h.hook(hook, "")
		}
	}
	return register(h.t, h.Env, repository{Name: name, Sources: []string{tree(h.t, 3)}, More: map[string]any{"hooks": map[string]any{
		"before": []string{"b1", "b2"}, "after": []string{"good"}, "on_warning": []string{"warn"}, "on_failure": []string{"fail"}, "always": []string{"undo"},
	}}})
}

func (h *hooking) ran() []string {
	b, _ := os.ReadFile(filepath.Join(h.root, "ran"))
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func (h *hooking) expectRan(want ...string) {
	h.t.Helper()
	if got := h.ran(); !slices.Equal(got, want) {
		h.t.Errorf("ran %q, want %q", got, want)
	}
	_ = os.Remove(filepath.Join(h.root, "ran"))
}

// awaitFile waits for what a hook makes.
func (h *hooking) awaitFile(name string) {
	h.t.Helper()
	fatal(h.t, h.Await("the hook makes "+name, func() (bool, error) {
		_, err := os.Stat(filepath.Join(h.root, name))
		return err == nil, nil
	}))
}

func (h *hooking) log(id int64) string {
	h.t.Helper()
	lines, err := h.API.Lines(id)
	fatal(h.t, err)
	var all strings.Builder
	for _, l := range lines {
		all.WriteString(l.Content + "\n")
	}
	return all.String()
}

// awaitLine waits for a line of a job that has not ended.
func (h *hooking) awaitLine(id int64, line string) {
	h.t.Helper()
	if err := h.Await("the log says it", func() (bool, error) { return strings.Contains(h.log(id), line), nil }); err != nil {
		h.t.Fatalf("%v: %s\n%s", err, line, h.log(id))
	}
}

// TestHooks: from the definition in REST to what runs on the host, and back.
func TestHooks(t *testing.T) {
	t.Parallel()
	h := newHooking(t, testenv.Agent{Allow: []string{"--allow-hook", "b?", "--allow-hook", "good", "--allow-hook", "warn", "--allow-hook", "fail", "--allow-hook", "undo"}})
	h.hook("b1", "echo dumping; printf '\\033[31mred\\n'")
	h.slow("b2")
	path := h.reg("r")
	id, err := h.API.Backup(path)
	fatal(t, err)
	j, err := h.AwaitJob(id, "runs the hook", func(j testenv.Job) bool { return j.Phase == "hook b2" })
	fatal(t, err)
	if j.Status != "running" || j.StartedAt == "" {
		t.Errorf("%+v", j)
	}
	if out, err := h.Hosts["host"].CLI("jobs"); err != nil || !strings.Contains(out, "running") {
		t.Error(out, err)
	}
	h.awaitFile("working")
	fatal(t, os.WriteFile(filepath.Join(h.root, "go"), nil, 0o600))
	if j, err = h.Finish(id); err != nil || j.Status != "completed" || j.ErrorMessage != "" {
		t.Errorf("%+v %v", j, err)
	}
	h.expectRan("b1 before", "b2 before", "good after completed", "undo always completed")
	log := h.log(id)
	for _, line := range []string{"Running the hook b1 (before)", "b1: dumping", `b1: \x1b[31mred`, "b2: working", "Starting backup of", "Running the hook undo (always)", "Backup finished"} {
		at := strings.Index(log, line)
		if at < 0 {
			t.Fatalf("the log lacks %q, in this order:\n%s", line, log)
		}
		log = log[at:]
	}

	// One that fails afterwards is a warning, one before is a failure.
	h.hook("good", "echo cannot reach the mail server; exit 1")
	if j = backup(t, h.Env, path); j.Status != "completed_with_warnings" || j.ErrorCode != "hook_failed" || j.ErrorMessage != "the hook good (after) failed: exit status 1: cannot reach the mail server" {
		t.Errorf("%+v", j)
	}
	h.expectRan("b1 before", "b2 before", "good after completed", "warn on_warning completed_with_warnings", "undo always completed_with_warnings")
	h.hook("b2", "exit 9")
	if j = backup(t, h.Env, path); j.Status != "failed" || j.ErrorCode != "hook_failed" || j.ErrorMessage != "the hook b2 (before) failed: exit status 9" || j.ExitCode != nil {
		t.Errorf("%+v", j)
	}
	h.expectRan("b1 before", "b2 before", "fail on_failure failed", "undo always failed")

	// A definition is changed for later jobs; doctor on the host looks at it.
	out, err := h.Controller.CLI("repositories", "update", "r", "--hook-before", "b1", "--hook-after", "", "--hook-always", "missing")
	fatal(t, err)
	if !strings.Contains(out, "before: b1\n") || !strings.Contains(out, "always: missing\n") || strings.Contains(out, "good") {
		t.Error(out)
	}
	var found map[string]sick
	fatal(t, h.Await("the host hears of it", func() (bool, error) {
		found = doctor(t, h.Hosts["host"].CLI, "r")
		return found["repository_hooks r"].State != "", nil
	}))
	if f := found["repository_hooks r"]; !strings.Contains(f.Message, "there is no "+h.dir+"/missing on this host") {
		t.Errorf("%+v", f)
	}
	if f := found["repository_allowed r"]; !strings.Contains(f.Todo, "allow --hook missing") {
		t.Errorf("%+v", f)
	}
	j = backup(t, h.Env, path)
	if j.ErrorCode != "policy_refused" || !strings.Contains(j.ErrorMessage, "allow.hooks") || !strings.Contains(j.ErrorMessage, "borgfleet-agent allow --hook missing") {
		t.Errorf("%+v", j)
	}
	_, err = h.Hosts["host"].CLI("allow", "--hook", "missing")
	fatal(t, err)
	if j = backup(t, h.Env, path); j.ErrorCode != "hook_unusable" {
		t.Errorf("%+v", j)
	}
	h.expectRan("")
}

// TestHookSaysNotNow: the job waits, and shows why, until the hook lets it.
func TestHookSaysNotNow(t *testing.T) {
	t.Parallel()
	h := newHooking(t, testenv.Agent{Allow: []string{"--allow-hook", "*"}})
	h.hook("b1", "echo the disk is not plugged in; exit 75")
	path := h.reg("r")
	id, err := h.API.Backup(path)
	fatal(t, err)
	j, err := h.AwaitJob(id, "waits", func(j testenv.Job) bool { return j.WaitingFor == "not now (hook)" })
	fatal(t, err)
	if j.Status != "pending" || j.StartedAt != "" {
		t.Errorf("%+v", j)
	}
	// It keeps nobody else waiting on its host.
	if j := backup(t, h.Env, register(t, h.Env, repository{Name: "other", Sources: []string{tree(t, 1)}})); j.Status != "completed" {
		t.Errorf("%+v", j)
	}
	h.awaitLine(id, "The hook b1 says not now: the disk is not plugged in")
	fatal(t, h.API.Post("/api/backup/cancel/"+itoa(id), nil, nil))
	if j, err = h.Finish(id); err != nil || j.Status != "cancelled" {
		t.Errorf("%+v %v", j, err)
	}
	h.expectRan("b1 before")
}

// TestCancelInHook: a cancel ends a hook, and what is to be undone is.
func TestCancelInHook(t *testing.T) {
	t.Parallel()
	h := newHooking(t, testenv.Agent{Allow: []string{"--allow-hook", "*"}})
	h.slow("b2")
	path := h.reg("r")
	id, err := h.API.Backup(path)
	fatal(t, err)
	h.awaitFile("working")
	var out struct {
		Terminated bool `json:"process_terminated"`
	}
	fatal(t, h.API.Post("/api/backup/cancel/"+itoa(id), nil, &out))
	j, err := h.Finish(id)
	if err != nil || j.Status != "cancelled" || out.Terminated {
		t.Errorf("%+v %v %v", j, out, err)
	}
	h.expectRan("b1 before", "b2 before", "undo always cancelled")
}

// TestKillInHook: kill -9 of the job process while a hook works, before borg and
// after it. The host goes on by itself, and each hook of an attempt runs once.
func TestKillInHook(t *testing.T) {
	t.Parallel()
	for slow, want := range map[string]struct {
		status string
		ran    []string
	}{
		"b2":   {"completed", []string{"b1 before", "b2 before", "undo always waiting", "b1 before", "b2 before", "good after completed", "undo always completed"}},
		"good": {"completed_with_warnings", []string{"b1 before", "b2 before", "good after completed", "warn on_warning completed_with_warnings", "undo always completed_with_warnings"}},
	} {
		t.Run(slow, func(t *testing.T) {
			t.Parallel()
			h := newHooking(t, testenv.Agent{Allow: []string{"--allow-hook", "*"}})
			h.slow(slow)
			path := h.reg("r")
			id, err := h.API.Backup(path)
			fatal(t, err)
			h.awaitFile("working")
			all := h.Hosts["host"].JobProcesses()
			if len(all) != 1 {
				t.Fatalf("job processes %v", all)
			}
			fatal(t, syscall.Kill(all[0], syscall.SIGKILL))
			fatal(t, os.WriteFile(filepath.Join(h.root, "go"), nil, 0o600)) // for the next one
			j, err := h.Finish(id)
			if err != nil || j.Status != want.status {
				t.Errorf("%+v %v\n%s", j, err, h.log(id))
			}
			h.expectRan(want.ran...)
		})
	}
}

// TestHooksOfTheUnit: with the unit's capabilities a hook keeps its account; with
// those of the drop-in it may change it, and is ended all the same.
func TestHooksOfTheUnit(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root has capabilities to give up")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip(err)
	}
	alone, with := readUnit(t, agentUnit).bounding(), readUnit(t, agentUnit, hooksDropIn).bounding()
	for name, tc := range map[string]struct {
		bounding, says string
		goesOn         bool
	}{
		"the unit":         {alone, "exit status", false},
		"with the drop-in": {with, "did not end within 2s", false},
		"without CAP_KILL": {strings.Replace(with, ",+kill", "", 1), "did not end within 2s", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHooking(t, testenv.Agent{
				Allow: []string{"--allow-hook", "*"}, Wrap: []string{"setpriv", "--no-new-privs", "--bounding-set", tc.bounding},
			})
			fatal(t, h.Hosts["host"].Configure("hooks: {directory: "+h.dir+", time_limit: 2s}\n"))
			h.hook("b2", "setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'sleep 60; sleep 60'")
			j := backup(t, h.Env, h.reg("r"))
			if j.ErrorCode != "hook_failed" || !strings.Contains(j.ErrorMessage, tc.says) {
				t.Errorf("%+v", j)
			}
			if log := h.log(j.ID); strings.Contains(log, "What the hook b2 has started goes on, and the agent's account may not end it: processes [") != tc.goesOn {
				t.Error(log)
			}
			h.expectRan("b1 before", "b2 before", "fail on_failure failed", "undo always failed")
		})
	}
}
