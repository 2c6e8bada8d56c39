package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// variant is the two programs with one promise broken on purpose.
type variant struct {
	name string
	what string
	// edits break it. Each is written for the code as it is: one that no longer
	// fits is refused, so that a variant cannot silently become the original.
	edits []edit
	only  []string // the kinds of faults that can show it
}

// edit replaces one place in a file.
type edit struct {
	file     string
	old, new string
}

// variants are those that the harness must find. What each one leaves out is
// what the design asks for at that place.
func variants() []variant {
	return []variant{
		{
			name: "accepted-unsynced",
			what: "an accepted order is not synced before borg is executed",
			only: []string{"power-cut-host", "slow-cut-host"},
			edits: []edit{{
				file: "agent/internal/jobdir/dir.go",
				old:  "if err := atomicfile.SyncDir(jobsDir); err != nil {\n\t\treturn nil, errors.Join(",
				new:  "if err := error(nil); err != nil {\n\t\treturn nil, errors.Join(",
			}, {
				file: "agent/internal/jobdir/dir.go",
				old:  "return atomicfile.Write(filepath.Join(tmp, fileSpec)",
				new:  "return atomicfile.Swap(filepath.Join(tmp, fileSpec)",
			}},
		},
		{
			name: "acknowledged-early",
			what: "a report is acknowledged before it is committed",
			only: []string{"slow-disk-controller", "power-cut-controller", "kill-controller"},
			edits: []edit{{
				file: "controller/internal/fleet/report.go",
				old:  "tx.OnCommit(func() {\n\t\tse.answer(answer)\n",
				new:  "se.answer(answer)\n\ttx.OnCommit(func() {\n",
			}},
		},
		{
			name: "numbers-dropped",
			what: "nobody looks at the numbers of journal records: neither the controller, nor the agent that comes back",
			only: []string{"cut-link", "flap-link", "kill-agent", "kill-controller"},
			edits: []edit{{
				file: "controller/internal/fleet/report.go",
				old:  "if r.First > j.LogNext {",
				new:  "if false {",
			}, {
				file: "controller/internal/fleet/report.go",
				old:  "for _, p := range own {\n\t\tif p.Number >= j.LogNext {\n\t\t\trecords = append(records, wire.ToRecord(p))\n\t\t}\n\t}",
				new:  "for i, p := range own {\n\t\trec := wire.ToRecord(p)\n\t\trec.Number = j.LogNext + uint64(i)\n\t\trecords = append(records, rec)\n\t}",
			}, {
				file: "agent/internal/link/outbox.go",
				old:  "cu.next, cu.follow = max(a.Next, 1), a.Follow",
				new:  "cu.follow = a.Follow",
			}},
		},
		{
			name: "executed-before-started",
			what: "borg is executed before the start mark is on disk: a third of a second before, to be met sooner",
			only: []string{"kill-job", "kill-job-and-borg", "kill-host"},
			edits: []edit{{
				file: "agent/internal/jobproc/execute.go",
				old:  "if err := p.dir.MarkStarted(r.started); err != nil {\n\t\treturn nil, err\n\t}\n\tp.c.at(PointStarted)",
				new:  "p.c.at(PointStarted)",
			}, {
				file: "agent/internal/jobproc/execute.go",
				old:  "p.c.at(PointExecuted)",
				new:  "sleep(p.life, p.c.Grace/90)\n\tif err := p.dir.MarkStarted(r.started); err != nil {\n\t\treturn nil, err\n\t}\n\tp.c.at(PointExecuted)",
			}},
		},
		{
			name: "judged-without-look-up",
			what: "an interrupted job is judged without looking its archive up",
			only: []string{"cut-at-end-host"},
			edits: []edit{{
				file: "agent/internal/jobproc/verify.go",
				old:  "f, err := p.lookUp(s, o)",
				new:  "f, err := found{}, error(nil)",
			}},
		},
		{
			name: "no-own-authority",
			what: "a host waits for its controller for ever",
			only: []string{"cut-link"},
			edits: []edit{{
				file: "agent/internal/service/service.go",
				old:  "OwnAuthority: job.OwnAuthority,",
				new:  "OwnAuthority: 1000 * job.OwnAuthority,",
			}},
		},
		{
			name: "half-open-unnoticed",
			what: "nobody sends pings, so a half-open connection is one for ever",
			only: []string{"freeze-link"},
			edits: []edit{{
				file: "agent/internal/link/link.go",
				old:  "SendPingTimeout: pingAfter, PingTimeout: pingTimeout,",
				new:  "",
			}},
		},
		{
			name: "fired-before-made",
			what: "a schedule notes that it has fired before the job is on the disk: a third of a second before, to be met sooner",
			only: []string{"step-days", "host-off", "kill-agent", "kill-host", "kill-everything"},
			edits: []edit{{
				file: "agent/internal/timetable/round.go",
				old:  "err := r.t.o.Host.Fire(s.JobKey(r.repo.ID, turn.Fire.Time, 0), spec)\n\tif",
				new: "all := maps.Clone(r.t.memory.of(r.repo.ID))\n\tall[fmt.Sprintf(\"%x\", s.Key)] = turn.Made()\n" +
					"\terr := r.t.memory.put(r.repo.ID, all)\n\ttime.Sleep(time.Second / 3)\n" +
					"\terr = errors.Join(err, r.t.o.Host.Fire(s.JobKey(r.repo.ID, turn.Fire.Time, 0), spec))\n\tif",
			}},
		},
		{
			name: "steps-ordered-twice",
			what: "the controller gives a step that it orders a key of its own, so that a step which it has forgotten is another one",
			only: []string{"step-days", "lose-controller"},
			edits: []edit{{
				file: "controller/internal/fleet/steps.go",
				old:  "key := job.StepKey(backup.Key, kind)",
				new:  "key, _ := job.NewKey()",
			}},
		},
		{
			name: "silent-agents-hold",
			what: "an agent that has fallen silent holds its location for ever",
			only: []string{"absent-host"},
			edits: []edit{{
				file: "controller/internal/fleet/dispatch.go",
				old:  " && !w.silent(j.Agent)",
				new:  "",
			}},
		},
	}
}

// sources are the edited files of a variant: path below root to contents.
func (v variant) sources(root string) (map[string]string, error) {
	out := map[string]string{}
	for _, e := range v.edits {
		text, ok := out[e.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return nil, fmt.Errorf("variant %s: %w", v.name, err)
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("variant %s: %s has %d places that read %q; make the edit fit the code as it is now", v.name, e.file, n, e.old)
		}
		out[e.file] = strings.Replace(text, e.old, e.new, 1)
	}
	return out, nil
}
