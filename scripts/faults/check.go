package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
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
	t.checkRepositories()
	t.checkExecutions()
	t.checkLogs()
	t.checkRestores()
	t.checkRestart()
	t.checkLeft()
	t.checkFollowed()
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
	heard := t.heardOnHosts()
	t.mu.Lock()
	defer t.mu.Unlock()
	posted, local := 0, 0
	for _, a := range t.asked {
		switch {
		case a.id != 0:
			posted++
		case a.local:
			local++
		}
	}
	rest, host := 0, announced(t.jobs)
	for _, j := range t.jobs {
		if j.TriggeredBy == "manual" && (j.Kind == "backup" || j.Kind == "restore") {
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
		names, err := t.plainBorg("", "list", "--short", filepath.Join(t.env.Repositories(), location))
		if err != nil {
			t.problem("%v", err)
			return
		}
		for _, n := range strings.Fields(names) {
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
	case j.ExitCode != nil && *j.ExitCode > 128 && (code > 1 || j.Status == "completed_with_warnings"):
		// A signal reached it after its last word. If that was a good one, its
		// archive is saved.
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

// checkRestart: what the controller reads from its disk is what it had in
// memory.
func (t *trial) checkRestart() {
	before, err := t.fingerprints()
	if err != nil {
		t.problem("%v", err)
		return
	}
	if err := errors.Join(t.controller.down(syscall.SIGKILL), t.controller.up()); err != nil {
		t.problem("restart: %v", err)
		return
	}
	after, err := t.fingerprints()
	if err != nil {
		t.problem("%v", err)
		return
	}
	for id, was := range before { // a list that a host asks for meanwhile is new
		if after[id] != was {
			t.problem("job %d before and after a restart:\n%s\n%s", id, was, after[id])
		}
	}
}

// fingerprints are all that is said of each job: by itself, which must be what
// is said of it in the list of all, and its whole log.
func (t *trial) fingerprints() (map[int64]string, error) {
	jobs, err := t.allJobs()
	if err != nil {
		return nil, err
	}
	out := map[int64]string{}
	for _, j := range jobs {
		if !j.Final() {
			continue
		}
		alone, err := t.env.API.Job(j.ID)
		if err != nil {
			return nil, err
		}
		alone.HasLogs = j.HasLogs // only the list says it
		if a, b := fingerprint(alone), fingerprint(j); a != b {
			t.problem("job %d by itself and in the list:\n%s\n%s", j.ID, a, b)
		}
		lines, err := t.env.API.Lines(j.ID)
		if err != nil {
			return nil, err
		}
		out[j.ID] = fmt.Sprintf("%s %d lines, %x", fingerprint(alone), len(lines), sha256.Sum256(fmt.Append(nil, lines)))
	}
	return out, nil
}

func fingerprint(j testenv.Job) string {
	code := "-"
	if j.ExitCode != nil {
		code = fmt.Sprint(*j.ExitCode)
	}
	j.ExitCode, j.AgentOnline = nil, false // a pointer says nothing, and who is there changes
	return fmt.Sprintf("%+v exit %s", j, code)
}
