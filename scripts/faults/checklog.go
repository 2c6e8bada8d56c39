package main

import (
	"os/exec"
	"slices"
	"strings"

	"borgfleet/scripts/testenv"
)

// checkLog: numbers from 1 without a hole, and each line that borg wrote about a
// file exactly once.
func (t *trial) checkLog(j testenv.Job) {
	lines, err := t.env.API.Lines(j.ID)
	if err != nil {
		t.problem("log of job %d: %v", j.ID, err)
		return
	}
	t.lines += len(lines)
	got := map[string]int{}
	missing := false
	for i, l := range lines {
		if l.Number != uint64(i+1) {
			t.problem("job %d: line %d has number %d", j.ID, i+1, l.Number)
			return
		}
		if len(l.Content) > 2 && l.Content[1] == ' ' && l.Content[2] == '/' {
			got[l.Content]++
		}
		missing = missing || strings.Contains(l.Content, "missing here")
	}
	if j.Kind == "backup" && j.ArchiveName != "" {
		t.compareLines(j, got, missing)
	}
}

// compareLines holds the lines of a log against those that borg wrote. borg may
// have been killed between writing a line and telling the witness.
func (t *trial) compareLines(j testenv.Job, got map[string]int, missing bool) {
	wrote, err := t.borg[j.Agent].files(j.ArchiveName)
	if err != nil {
		t.problem("%v", err)
		return
	}
	extra, lost := 0, 0
	for line, n := range got {
		if n > 1 {
			t.problem("job %d: %q is in the log %d times", j.ID, line, n)
		}
		if wrote[line] == 0 {
			extra++
		}
	}
	for line := range wrote {
		if got[line] == 0 {
			lost++
		}
	}
	if extra > 1 {
		t.problem("job %d: %d lines that borg did not write", j.ID, extra)
	}
	if t.hurtDisk(j.Agent) {
		return // what a disk refuses, or forgets before it was synced, is lost
	}
	if missing {
		t.problem("job %d: its log has a hole", j.ID)
	}
	if lost > 0 {
		t.problem("job %d (%s): %d of %d lines that borg wrote are not in the log", j.ID, j.Status, lost, len(wrote))
	}
}

// hurtDisk: a host's disk refused writes, or forgot some.
func (t *trial) hurtDisk(host string) bool {
	return slices.ContainsFunc(t.plan.faults(), func(f fault) bool { return f.kind.disk && f.victim == host })
}

// checkRestores: one that completed gave back what was saved.
func (t *trial) checkRestores() {
	status := map[int64]testenv.Job{}
	for _, j := range t.jobs {
		status[j.ID] = j
	}
	for _, a := range t.asked {
		j := status[a.id]
		if a.to == "" || !strings.HasPrefix(j.Status, "completed") {
			continue
		}
		source := t.source(repoNamed(a.repository))
		if out, err := exec.Command("diff", "-r", source, a.to+source).CombinedOutput(); err != nil {
			t.problem("job %d is %s, and what it restored differs: %v %.300s", a.id, j.Status, err, out)
		}
	}
}
