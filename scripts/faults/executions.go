package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

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
		t.checkRuns(h)
	}
}

// checkRuns: of whatever kind a job is, borg did its work at most once for its
// key; and if it completed, borg did.
func (t *trial) checkRuns(host string) {
	runs, err := t.borg[host].runs()
	if err != nil {
		t.problem("%v", err)
	}
	for key, of := range runs {
		if n := len(of.commands) - of.lockedOut; n > 1 {
			t.problem("borg did the work of job %s on %s %d times: %v", key, host, n, of.commands)
		}
	}
	dirs := t.journals(host)
	for _, j := range t.jobs {
		if j.Agent != host || j.Status != "completed" {
			continue
		}
		if key := filepath.Base(dirs[j.ID]); runs[key] == nil {
			t.problem("job %d (%s, %s) is completed, and no borg ran for it", j.ID, j.Kind, key)
		}
	}
}

// labour is what borg did for one key.
type labour struct {
	commands  []string
	lockedOut int // of these waited in vain for the repository's lock
}

// runs are all borgs that did a job's own work, by the job's key: they alone
// hold the lock in its directory. A restore's borg can write to the witness's
// directory as little as to any other: its account is beside the repository's lock.
func (w witness) runs() (map[string]*labour, error) {
	out := map[string]*labour{}
	for _, dir := range append([]string{w.dir}, w.repos...) {
		data, err := os.ReadFile(filepath.Join(dir, "ran"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			var key, what string
			if _, err := fmt.Sscan(line, &key, &what); err != nil {
				return nil, fmt.Errorf("what borg did: %q: %w", line, err)
			}
			if out[key] == nil {
				out[key] = &labour{}
			}
			if what == "locked-out" {
				out[key].lockedOut++
			} else {
				out[key].commands = append(out[key].commands, what)
			}
		}
	}
	return out, nil
}
