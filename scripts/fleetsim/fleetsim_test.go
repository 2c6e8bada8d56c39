package main

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"borgfleet/shared/job"
)

// build makes the programs in a directory of its own.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	for _, program := range []string{"controller", "agent"} {
		out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "borgfleet-"+program), "../../"+program).CombinedOutput()
		if err != nil {
			t.Fatalf("build the %s: %v\n%s", program, err, out)
		}
	}
	return bin
}

// TestFleet: the short form of make fleetsim, with a controller that is killed on the
// way. Nothing differs; then each thing that can is made to, and is found.
func TestFleet(t *testing.T) {
	t.Parallel()
	o := options{
		agents: 200, running: 40, span: 8 * time.Second, seed: 7, scheduled: 10,
		rates: rates{shortest: time.Second, longest: 3 * time.Second, lines: 10, burst: 4000},
		bin:   build(t), dir: t.TempDir(), identities: filepath.Join(t.TempDir(), "identities"), prefix: "sim",
		outages: []string{"kill"}, down: time.Second, back: time.Minute,
	}
	s := &simulation{o: o, progress: t.Logf}
	s.beforeEnd = func(ctx context.Context) { playedAll(t, s); spoilt(ctx, t, s) }
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, d := range s.result.Differences {
		t.Error(d)
	}
	kept(t, o)
}

// playedAll: what the script is there for has happened.
func playedAll(t *testing.T, s *simulation) {
	seen := map[string]int{}
	for _, p := range s.f.books.plays {
		seen["kind "+string(p.kind)]++
		if p.kind == job.Backup {
			seen["by "+string(p.by)]++
			seen["status "+p.verdict.GetStatus()]++
		}
		if p.plan.cutAt > 0 && p.ticked >= p.plan.cutAt {
			seen["cut"]++
		}
		if p.plan.burstAt > 0 && p.ticked >= p.plan.burstAt {
			seen["long log"]++
		}
		if p.plan.repeatAt > 0 && p.ticked >= p.plan.repeatAt {
			seen["repeated"]++
		}
	}
	for _, what := range []string{
		"kind init", "by manual", "by agent", "by schedule", "cut", "long log", "repeated",
		"status completed", "status completed_with_warnings", "status failed", "status cancelled",
	} {
		if seen[what] == 0 {
			t.Errorf("no job was played with: %s (%v)", what, seen)
		}
	}
	if len(s.result.Outages) != 1 || s.result.Acks.Count == 0 || s.result.ToOrder.Count == 0 || s.result.Controller.RSS == 0 {
		t.Errorf("something was not measured: %+v", s.result)
	}
}

// spoilt changes the books, as if the controller had dropped or invented something,
// and expects the check to say so.
func spoilt(ctx context.Context, t *testing.T, s *simulation) {
	b := s.f.books
	pick := func(ok func(*play) bool) *play {
		for _, p := range b.plays {
			if p.kind == job.Backup && p.verdict != nil && p.made > 5 && ok(p) {
				return p
			}
		}
		t.Fatal("no such job was played")
		return nil
	}
	good := pick(func(p *play) bool { return p.verdict.Status == string(job.Completed) })
	asked := pick(func(p *play) bool { return b.started[p.id].path != "" })
	tests := []struct {
		name  string
		spoil func() (back func())
		says  string
	}{
		{"a line is lost", func() func() { good.made++; return func() { good.made-- } }, "lines, and had"},
		{"a line is another one", func() func() { good.plan.seed++; return func() { good.plan.seed-- } }, "the first that differs is line 1"},
		{"a status", func() func() {
			good.verdict.Status = string(job.Failed)
			return func() { good.verdict.Status = string(job.Completed) }
		}, "status is completed, and was failed"},
		{"an error code", func() func() { good.verdict.ErrorCode = "x"; return func() { good.verdict.ErrorCode = "" } }, "error_code is"},
		{"a figure", func() func() {
			good.verdict.Progress.Nfiles++
			return func() { good.verdict.Progress.Nfiles-- }
		}, "nfiles is"},
		{"a job is doubled", func() func() {
			all := b.plays
			b.plays = append([]*play{{id: good.id, kind: good.kind, path: good.path, host: good.host, verdict: good.verdict, plan: good.plan, made: good.made}}, all...)
			return func() { b.plays = all }
		}, "are both job"},
		{"a job that nobody played", func() func() {
			all := b.plays
			b.plays = without(all, good)
			started, had := b.started[good.id]
			delete(b.started, good.id)
			return func() {
				b.plays = all
				if had {
					b.started[good.id] = started
				}
			}
		}, "was never played"},
		{"an order that never came", func() func() {
			all := b.plays
			b.plays = without(all, asked)
			return func() { b.plays = all }
		}, "its host never heard of it"},
		{"a job that is gone", func() func() {
			id := good.id
			good.id = 1 << 40
			return func() { good.id = id }
		}, "is not known"},
		{"an announced job that was not taken in", func() func() {
			id := good.id
			good.id = 0
			return func() { good.id = id }
		}, "never took it in"},
		{"a cancel that nobody heard", func() func() {
			was, had := b.wishes[good.id]
			b.wishes[good.id] = good.started.Add(-time.Minute)
			return func() {
				delete(b.wishes, good.id)
				if had {
					b.wishes[good.id] = was
				}
			}
		}, "and went on until"},
		{"a word that was taken back", func() func() {
			good.acked, good.whole = good.made+1, false
			_, wrong := good.answered(answerNext(good, 2), time.Now())
			b.wrongs = append(b.wrongs, wrong)
			return func() { b.wrongs, good.whole = nil, true }
		}, "and then up to 1"},
	}
	for _, test := range tests {
		back := test.spoil()
		found, err := s.check.run(ctx)
		back()
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if all := strings.Join(found, "\n"); !strings.Contains(all, test.says) {
			t.Errorf("%s: the check says %q, and nothing of %q", test.name, all, test.says)
		}
	}
}

// kept: keys are for their owner alone.
func kept(t *testing.T, o options) {
	files, err := os.ReadDir(o.identities)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != o.agents {
		t.Errorf("%d identities are kept, of %d", len(files), o.agents)
	}
	for file, want := range map[string]fs.FileMode{o.identities: 0o700, filepath.Join(o.identities, files[0].Name()): 0o600} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", file, got, want)
		}
	}
}
