package main

import (
	"os/exec"
	"slices"
	"strings"

	"borgfleet/scripts/testenv"
)

// checkLogs looks at the log of every job.
func (t *trial) checkLogs() {
	dirs := map[string]map[int64]string{}
	for _, h := range hosts() {
		dirs[h] = t.journals(h)
	}
	for _, j := range t.jobs {
		t.checkLog(j, dirs[j.Agent][j.ID])
	}
}

// checkLog: numbers from 1 without a hole, what the host's journal has, and each
// line that borg wrote about a file exactly once.
func (t *trial) checkLog(j testenv.Job, dir string) {
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
		missing = missing || isHole(l.Content)
	}
	t.compareJournal(j, lines, dir)
	if j.Kind == "backup" && j.ArchiveName != "" {
		t.compareLines(j, got, missing)
	}
}

// compareLines holds the lines of a log against those that borg wrote. The
// witness is told of a line before and after it is written, since borg may be
// killed in between.
func (t *trial) compareLines(j testenv.Job, got map[string]int, missing bool) {
	began, err := t.borg[j.Agent].files(j.ArchiveName + ".ahead")
	if err != nil {
		t.problem("%v", err)
		return
	}
	wrote, err := t.borg[j.Agent].files(j.ArchiveName + ".stderr")
	if err != nil {
		t.problem("%v", err)
		return
	}
	extra := 0
	for line, n := range got {
		if n > 1 {
			t.problem("job %d: %q is in the log %d times", j.ID, line, n)
		}
		if !slices.Contains(began, line) {
			extra++
		}
	}
	lost, last := missingOf(wrote, got)
	if extra > 0 {
		t.problem("job %d: %d lines that borg did not write", j.ID, extra)
	}
	if t.mayLackLines(j) {
		return
	}
	if missing {
		t.problem("job %d: its log has a hole", j.ID)
	}
	if last && j.ExitCode == nil {
		return // in the pipe, and both its ends were killed: nobody heard borg's end
	}
	if lost > 0 {
		t.problem("job %d (%s): %d of %d lines that borg wrote are not in the log", j.ID, j.Status, lost, len(wrote))
	}
}

// missingOf counts the lines that are not in a log, and says whether they are the
// last that borg wrote.
func missingOf(wrote []string, got map[string]int) (n int, last bool) {
	last = true
	for _, line := range wrote {
		switch {
		case got[line] == 0:
			n++
		case n > 0:
			last = false
		}
	}
	return n, last
}

// mayLackLines: the host's disk refused writes, or forgot what was not synced, in
// the round in which the job was at work, and nobody was told before that it
// had ended.
func (t *trial) mayLackLines(j testenv.Job) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.losses, func(l loss) bool {
		return l.host == j.Agent && j.ID > l.after && (l.upTo == 0 || j.ID <= l.upTo) && !l.ended[j.ID]
	})
}

// loss is a fault that may have cost lines.
type loss struct {
	host  string
	after int64 // the last job of the rounds before; all of these had ended
	upTo  int64 // the last job of this round; 0: it is not over
	ended map[int64]bool
}

// mayLose notes that a host is about to lose what is not synced.
func (t *trial) mayLose(host string) {
	ended := t.watch.ended()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.losses = append(t.losses, loss{host: host, after: t.settled, ended: ended})
}

// roundOver notes which job was the last one of a round.
func (t *trial) roundOver() error {
	jobs, err := t.allJobs()
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, j := range jobs {
		t.settled = max(t.settled, j.ID)
	}
	for i := range t.losses {
		if t.losses[i].upTo == 0 {
			t.losses[i].upTo = t.settled
		}
	}
	return nil
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
