package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"borgfleet/scripts/testenv"
)

func isStatus(err error, status int) bool {
	p, ok := errors.AsType[*testenv.Problem](err)
	return ok && p.Status == status
}

// check holds the fleet, at rest, against the promises.
func (t *trial) check() {
	var err error
	if t.jobs, err = t.allJobs(); err != nil {
		t.problem("read the jobs: %v", err)
		return
	}
	t.checkPromised()
	for _, r := range repositories() {
		t.checkHealthy(r)
	}
	if err := t.settle(); err != nil { // lists follow
		t.problem("not settled in the end: %v", err)
	}
	if t.jobs, err = t.allJobs(); err != nil {
		t.problem("read the jobs: %v", err)
		return
	}
	t.checkArchives()
	t.checkExecutions()
	for _, j := range t.jobs {
		t.checkLog(j)
	}
	t.checkRestores()
	t.checkRestart()
	t.checkLeft()
}

// checkPromised: every id that was answered is there, and there is no job that
// nobody asked for.
func (t *trial) checkPromised() {
	there := map[int64]testenv.Job{}
	for _, j := range t.jobs {
		there[j.ID] = j
	}
	t.watch.mu.Lock()
	defer t.watch.mu.Unlock()
	for id := range t.watch.ids {
		j, ok := there[id]
		if !ok {
			t.problem("job %d was promised, and is not there", id)
		}
		if before := t.watch.final[id]; before != "" && ok && before != j.Status {
			t.problem("job %d was %s, and ended as %s", id, before, j.Status)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	posted, local, heard := 0, 0, 0
	for _, a := range t.asked {
		switch {
		case a.id != 0:
			posted++
		case a.local:
			local++
			if a.heard {
				heard++
			}
		}
	}
	rest, host := 0, 0
	for _, j := range t.jobs {
		switch {
		case j.Kind != "backup" && j.Kind != "restore":
		case j.TriggeredBy == "agent":
			host++
		default:
			rest++
		}
	}
	if first := len(repositories()); rest != posted+first {
		t.problem("%d jobs were asked for through REST, and there are %d", posted+first, rest)
	}
	if host > local || host < heard {
		t.problem("%d jobs were asked for on hosts, %d were promised there, and there are %d", local, heard, host)
	}
}

// checkHealthy: whatever happened, the next backup is a good one.
func (t *trial) checkHealthy(r repo) {
	id, err := t.env.API.Backup(r.name)
	if err != nil {
		t.problem("a backup of %s afterwards: %v", r.name, err)
		return
	}
	if j, err := t.env.Finish(id); err != nil || j.Status != "completed" {
		t.problem("the backup of %s afterwards, job %d: %s %s %v", r.name, id, j.Status, j.ErrorMessage, err)
	}
}

// checkArchives: an archive for each good backup, and none for any other.
func (t *trial) checkArchives() {
	there := map[string]bool{}
	for _, location := range locations() {
		names, err := t.archives(filepath.Join(t.env.Repositories(), location))
		if err != nil {
			t.problem("%v", err)
			return
		}
		for _, n := range names {
			there[n] = true
		}
	}
	for _, j := range t.jobs {
		if j.Kind != "backup" {
			continue
		}
		if j.ErrorCode == "lost" {
			t.problem("job %d was given up, and its host never lost it: %s", j.ID, j.ErrorMessage)
		}
		good := strings.HasPrefix(j.Status, "completed")
		if good != there[j.ArchiveName] {
			t.problem("job %d is %s (%s), its archive %q is there: %v", j.ID, j.Status, j.ErrorMessage, j.ArchiveName, there[j.ArchiveName])
		}
		delete(there, j.ArchiveName)
		t.checkExit(j)
	}
	for name := range there {
		t.problem("the archive %s belongs to no job", name)
	}
}

// checkExit: what borg said at its end is what the job says.
func (t *trial) checkExit(j testenv.Job) {
	if j.ArchiveName == "" {
		return
	}
	code, ok := t.borg[j.Agent].exit(j.ArchiveName)
	switch {
	case !ok:
		return
	case code == 0 && j.ExitCode != nil && *j.ExitCode > 128 && j.Status == "completed_with_warnings":
		// A signal reached it after its last word, with its archive saved.
	case j.ExitCode != nil && *j.ExitCode != code:
		t.problem("job %d says that borg exited with %d, borg says %d", j.ID, *j.ExitCode, code)
	case code == 0 && !strings.HasPrefix(j.Status, "completed"):
		t.problem("job %d is %s (%s), and borg ended well", j.ID, j.Status, j.ErrorMessage)
	case code != 0 && j.Status == "completed":
		t.problem("job %d is completed, and borg exited with %d", j.ID, code)
	}
}

func locations() (out []string) {
	for _, r := range repositories() {
		if !slices.Contains(out, r.location) {
			out = append(out, r.location)
		}
	}
	return out
}

func (t *trial) archives(path string) ([]string, error) {
	cmd := exec.Command("borg", "list", "--short", path)
	cmd.Env = append(cmd.Environ(), "BORG_BASE_DIR="+filepath.Join(t.dir, "plain-borg"),
		"BORG_RELOCATED_REPO_ACCESS_IS_OK=yes", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("borg list %s: %w: %s", path, err, errs.String())
	}
	return strings.Fields(string(out)), nil
}

// checkExecutions: borg ran at most once for each job, and for nobody else. One
// that did nothing but wait for the repository's lock is tried again, as an
// archive of another name.
func (t *trial) checkExecutions() {
	known := map[string]bool{}
	for _, j := range t.jobs {
		known[j.ArchiveName] = true
	}
	for _, h := range hosts() {
		seen, err := t.borg[h].executions()
		if err != nil {
			t.problem("%v", err)
		}
		for name, n := range seen {
			if n > 1 {
				t.problem("borg was executed %d times for the archive %s", n, name)
			}
			if !known[name] && !t.borg[h].lockedOut(name) {
				t.problem("borg was executed for the archive %s, which is no job's", name)
			}
		}
	}
}

// checkRestart: what the controller reads from its disk is what it had in
// memory.
func (t *trial) checkRestart() {
	before, err := t.fingerprint()
	if err != nil {
		t.problem("%v", err)
		return
	}
	if err := errors.Join(t.controller.down(syscall.SIGKILL), t.controller.up()); err != nil {
		t.problem("restart: %v", err)
		return
	}
	after, err := t.fingerprint()
	if err != nil {
		t.problem("%v", err)
	}
	if before != after {
		t.problem("the jobs before and after a restart differ:\n%s\n%s", before, after)
	}
}

func (t *trial) fingerprint() (string, error) {
	jobs, err := t.allJobs()
	var out strings.Builder
	for _, j := range jobs {
		code := "-"
		if j.ExitCode != nil {
			code = fmt.Sprint(*j.ExitCode)
		}
		fmt.Fprintln(&out, j.ID, j.Kind, j.Status, j.ErrorCode, code, j.ArchiveName, j.StartedAt, j.LogComplete, j.HasLogs)
	}
	return out.String(), err
}

// checkLeft: no process, no lock, no half-made file. What a crash left of a file
// goes at the next start.
func (t *trial) checkLeft() {
	for _, name := range hosts() {
		h := t.env.Hosts[name]
		if err := errors.Join(t.daemons[name].down(syscall.SIGTERM), t.daemons[name].up()); err != nil {
			t.problem("restart: %v", err)
		}
		if err := t.env.AwaitOnline(name); err != nil {
			t.problem("after a restart: %v", err)
		}
		err := t.env.Await("nothing runs on "+name, func() (bool, error) {
			return len(h.Borgs())+len(h.JobProcesses()) == 0, nil
		})
		if err != nil {
			t.problem("%v", err)
		}
		t.checkFiles(h.StateDir, ".new-", ".tmp")
	}
	t.checkFiles(t.env.Controller.DataDir, ".tmp", ".new")
	t.checkFiles(t.env.Repositories(), "lock.exclusive", "lock.roster")
}

func (t *trial) checkFiles(dir string, marks ...string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		for _, m := range marks {
			if strings.Contains(d.Name(), m) {
				t.problem("%s was left", path)
			}
		}
		return nil
	})
	if err != nil {
		t.problem("%v", err)
	}
}
