package jobproc

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/witness"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// maintained lets the controller prune, compact and break locks on the host.
func (h *host) maintained() {
	h.t.Helper()
	h.configure(func(c *policy.Config) { c.Allow.Maintenance = true })
}

// aged makes an archive of its own content, as of a day of 2024.
func (h *host) aged(repo job.Repository, name string, day int) {
	h.t.Helper()
	h.file("src/own", strings.Repeat(name, 2000))
	h.borg("create", "--timestamp", agedAt(day), repo.Path+"::"+name, h.path("src"))
}

func agedAt(day int) string { return fmt.Sprintf("2024-01-%02dT12:00:00", day) }

// ownName is what a backup of the host would be called.
func ownName(repo job.Repository, day int) string {
	return fmt.Sprintf("web1-%s-2024-01-%02dT12:00:00.000", repo.Name, day)
}

func (h *host) prune(repo job.Repository, keep job.Keep, dry bool) (*jobdir.Dir, job.Verdict) {
	h.t.Helper()
	spec := h.spec(job.Prune, repo)
	spec.Prune = &job.PruneSpec{Keep: keep, DryRun: dry}
	return h.run(spec)
}

// TestPrune: only archives that are the registration's go, checkpoints of them
// too; a dry run tells which; the log names them for programs; and what the agent
// did itself is no change by hand.
func TestPrune(t *testing.T) {
	eachBorg(t, func(h *host) {
		h.maintained()
		repo := h.ofThreeDays()
		foreign := []string{"other", "web1-a-old-2024-01-01T12:00:00.000", "web1-a-by-hand"}
		for i, name := range foreign {
			h.aged(repo, name, 1+i)
		}
		h.aged(repo, ownName(repo, 4)+".checkpoint", 4)
		h.list(repo)
		before := h.archives(repo)

		d, v := h.prune(repo, job.Keep{Daily: 2}, true)
		text := logText(h.log(d))
		if v.Status != job.Completed || v.ArchivesDeleted != nil || !slices.Equal(h.archives(repo), before) {
			h.t.Fatalf("dry run: %+v\n%s", v, text)
		}
		if !strings.Contains(text, "1 archive would be removed, 2 kept") || len(h.listed(d)) != 0 {
			h.t.Errorf("dry run says:\n%s", text)
		}
		for _, name := range foreign {
			if strings.Contains(text, name) {
				h.t.Errorf("dry run names %s:\n%s", name, text)
			}
		}

		d, v = h.prune(repo, job.Keep{Daily: 2}, false)
		want := append(foreign, ownName(repo, 6), ownName(repo, 7))
		if got := h.archives(repo); v.Status != job.Completed || !slices.Equal(got, want) {
			h.t.Fatalf("%+v, archives %v, want %v\n%s", v, got, want, logText(h.log(d)))
		}
		if v.ArchivesDeleted == nil || *v.ArchivesDeleted != 1 {
			h.t.Errorf("%v archives deleted", v.ArchivesDeleted)
		}
		var gone []string
		for _, a := range h.listed(d) {
			gone = append(gone, a.Name)
		}
		if slices.Sort(gone); !slices.Equal(gone, []string{ownName(repo, 4) + ".checkpoint", ownName(repo, 5)}) {
			h.t.Errorf("the log names %v", gone)
		}
		if out := h.borg("list", "--consider-checkpoints", "--short", repo.Path); strings.Contains(string(out), "checkpoint") {
			h.t.Errorf("a checkpoint is left: %s", out)
		}
		h.seen("pruned", repo, witness.None)

		// Nothing to do is no failure.
		if d, v = h.prune(repo, job.Keep{Daily: 2}, false); v.Status != job.Completed || v.ArchivesDeleted == nil || *v.ArchivesDeleted != 0 {
			h.t.Errorf("again: %+v\n%s", v, logText(h.log(d)))
		}
		if d, v = h.compacted(repo); v.Status != job.Completed || v.BytesFreed == nil || *v.BytesFreed < 1 {
			h.t.Errorf("compact: %+v\n%s", v, logText(h.log(d)))
		}
		h.seen("compacted", repo, witness.None)
	})
}

// compacted compacts a repository that must have these archives; nobody says
// more of it if there are none.
func (h *host) compacted(repo job.Repository, expected ...job.Archive) (*jobdir.Dir, job.Verdict) {
	h.t.Helper()
	d := h.order(h.spec(job.Compact, repo))
	must(h.t, d.SetExpected(&fleetv1.ExpectedArchives{Archives: wire.FromArchives(expected)}))
	return d, h.finish(d)
}

// stored is how many bytes lie in a repository's segments.
func (h *host) stored(repo job.Repository) (n int64) {
	h.t.Helper()
	segments, err := filepath.Glob(filepath.Join(repo.Path, "data", "*", "*"))
	must(h.t, err)
	for _, s := range segments {
		info, err := os.Stat(s)
		must(h.t, err)
		n += info.Size()
	}
	return n
}

// TestCompactLooksFirst: what must be there is looked for right before, and a
// compact that misses something, or was not told what to look for, does nothing.
func TestCompactLooksFirst(t *testing.T) {
	eachBorg(t, func(h *host) {
		h.maintained()
		h.files(1)
		repo := h.ofThreeDays()
		d, _ := h.list(repo)
		all := h.listed(d)
		d, v := h.run(h.spec(job.Compact, repo))
		if v.ErrorCode != job.CodeNotToldArchives {
			h.t.Errorf("not told: %+v\n%s", v, logText(h.log(d)))
		}
		h.borg("delete", repo.Path+"::"+all[1].Name)
		before := h.stored(repo)
		d, v = h.compacted(repo, all...)
		if v.Status != job.Failed || v.ErrorCode != job.CodeArchivesVanished || !strings.Contains(v.ErrorMessage, all[1].Name) || strings.Contains(v.ErrorMessage, all[0].Name) || !v.StartedAt.IsZero() {
			h.t.Errorf("%+v\n%s", v, logText(h.log(d)))
		}
		var missing []string
		for _, r := range h.log(d) {
			if a, err := wire.DecodeArchive(r.Data); err == nil && len(r.Data) > 0 {
				missing = append(missing, a.Name+a.ID)
			}
		}
		if !slices.Equal(missing, []string{all[1].Name + all[1].ID}) {
			h.t.Errorf("the log names %v", missing)
		}
		if after := h.stored(repo); after != before {
			h.t.Errorf("%d bytes are left of %d", after, before)
		}
		// The same name with another id is not the archive that must be there.
		h.borg("create", repo.Path+"::"+all[1].Name, h.path("src"))
		if _, v = h.compacted(repo, all...); v.ErrorCode != job.CodeArchivesVanished {
			h.t.Errorf("replaced under its name: %+v", v)
		}
		if d, v = h.compacted(repo, all[0], all[2]); v.Status != job.Completed || h.stored(repo) >= before {
			h.t.Errorf("%+v, %d bytes are left of %d\n%s", v, h.stored(repo), before, logText(h.log(d)))
		}
	})
}

// TestCompactWaitsForTheLock like any other job, and can be cancelled there.
func TestCompactWaitsForTheLock(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.maintained()
	repo := h.inited("a")
	lock := filepath.Join(repo.Path, "lock.exclusive", "other@1.0-1")
	must(t, os.MkdirAll(filepath.Dir(lock), 0o700))
	h.write(lock, "")
	d := h.order(h.spec(job.Compact, repo))
	must(t, d.SetExpected(&fleetv1.ExpectedArchives{}))
	cmd := h.spawn(d)
	await(t, "it to wait", func() bool {
		r, err := d.Register()
		return err == nil && r.Phase == job.PhaseWaiting && r.Reason == reasonLocked
	})
	must(t, os.RemoveAll(filepath.Dir(lock)))
	cmd.Wait()
	if v := h.verdict(d); v.Status != job.Completed {
		t.Errorf("%+v\n%s", v, logText(h.log(d)))
	}
}

// TestWorthlessArchives: who may order backups and prunes can fill what a floor
// counts. What it keeps by age stays.
func TestWorthlessArchives(t *testing.T) {
	eachBorg(t, func(h *host) {
		h.file("src/file", "worth it")
		repo := h.inited("a")
		good := h.archived(repo)
		h.file("src/file", "")
		h.archived(repo)
		floor := policy.Floor{Daily: 1, Within: "30d"}
		h.configure(func(c *policy.Config) { c.Allow.Maintenance, c.Allow.RetentionFloor = true, floor })
		_, v := h.prune(repo, job.Keep{Daily: 1}, false)
		expect(h.t, h, v, job.Failed, job.CodePolicy, "keep_within is missing")
		if _, v = h.prune(repo, floor.Keep(), false); v.Status != job.Completed || !slices.Contains(h.archives(repo), good) {
			h.t.Errorf("%+v, archives %v, without %s", v, h.archives(repo), good)
		}
		floor.Within = ""
		must(h.t, os.Remove(h.st.Config())) // no command takes a key out of it
		h.configure(func(c *policy.Config) { c.Allow.Maintenance, c.Allow.RetentionFloor = true, floor })
		if _, v = h.prune(repo, floor.Keep(), false); v.Status != job.Completed || slices.Contains(h.archives(repo), good) {
			h.t.Errorf("%+v, archives %v: a count holds, and the documents say that it does not", v, h.archives(repo))
		}
	})
}

// TestPruneKeepsFloor: the owner's word counts on the host, whatever is ordered,
// and whoever said so: the log tells.
func TestPruneKeepsFloor(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.configure(func(c *policy.Config) {
		c.Allow.Maintenance, c.Allow.RetentionFloor = true, policy.Floor{Daily: 3}
	})
	repo := h.ofThreeDays()
	if _, v := h.prune(repo, job.Keep{Daily: 2}, false); v.ErrorCode != job.CodePolicy || !strings.Contains(v.ErrorMessage, "allow.retention_floor") {
		t.Errorf("%+v", v)
	}
	if n := len(h.archives(repo)); n != 3 {
		t.Errorf("%d archives are left", n)
	}
	for retention, says := range map[job.Keep]string{{Daily: 2}: "as ordered", {Daily: 3}: "as the repository's retention says"} {
		repo.Retention = retention
		d, v := h.prune(repo, job.Keep{Daily: 3}, false)
		if text := logText(h.log(d)); v.Status != job.Completed || !strings.Contains(text, "keep_daily 3, "+says+" (borg") {
			t.Errorf("%+v, want %q\n%s", v, says, text)
		}
	}
}

// TestCheck finds what is damaged, which borg calls a warning, and repairs
// nothing.
func TestCheck(t *testing.T) {
	eachBorg(t, func(h *host) {
		repo := h.ofThreeDays()
		if d, v := h.run(h.spec(job.Check, repo)); v.Status != job.Completed || !strings.Contains(logText(h.log(d)), "no problems found") {
			h.t.Fatalf("%+v\n%s", v, logText(h.log(d)))
		}
		part := h.spec(job.Check, repo)
		part.Check = &job.CheckSpec{MaxDuration: time.Minute}
		if d, v := h.run(part); v.Status != job.Completed || !strings.Contains(logText(h.log(d)), "Finished partial repository check") {
			h.t.Fatalf("%+v\n%s", v, logText(h.log(d)))
		}
		damaged := h.damage(repo)
		d, v := h.run(h.spec(job.Check, repo))
		if v.Status != job.Failed || v.ErrorCode != borg.CodeRepoCorrupt || !strings.Contains(v.ErrorMessage, "found damage") || v.Progress.Percent != 0 {
			h.t.Errorf("%+v\n%s", v, logText(h.log(d)))
		}
		if now := must1(os.ReadFile(damaged.path)); string(now) != string(damaged.content) {
			h.t.Error("the damaged segment was changed")
		}
	})
}

type damage struct {
	path    string
	content []byte
}

// damage changes a byte in the content of the largest object: in the size of one, it
// would be damage of another sort.
func (h *host) damage(repo job.Repository) damage {
	h.t.Helper()
	var d damage
	var largest []byte
	h.eachObject(repo, func(path string, segment, entry []byte) {
		if len(entry) > len(largest) {
			d, largest = damage{path, segment}, entry
		}
	})
	largest[len(largest)-5] ^= 0xff
	must(h.t, os.WriteFile(d.path, d.content, 0o600))
	return d
}

// TestBreakLock takes away the lock of a borg of a host that is gone for good,
// which nobody else may.
func TestBreakLock(t *testing.T) {
	eachBorg(t, func(h *host) {
		h.maintained()
		repo := h.inited("a")
		lock := filepath.Join(repo.Path, "lock.exclusive", "gone@1.0-1")
		must(h.t, os.MkdirAll(filepath.Dir(lock), 0o700))
		h.write(lock, "")
		spec := h.spec(job.List, repo)
		spec.StartDeadline = time.Now().Add(2 * time.Second)
		if _, v := h.run(spec); v.Status != job.Failed || !strings.Contains(v.ErrorMessage, "stayed locked") {
			h.t.Fatalf("%+v", v)
		}
		if d, v := h.run(h.spec(job.BreakLock, repo)); v.Status != job.Completed {
			h.t.Fatalf("%+v\n%s", v, logText(h.log(d)))
		}
		if _, v := h.list(repo); v.Status != job.Completed {
			h.t.Errorf("%+v", v)
		}
	})
}

// TestMaintenanceThatDied: of a job process that is killed with its borg, or
// whose borg runs on, the verdict claims nothing that nobody saw.
func TestMaintenanceThatDied(t *testing.T) {
	t.Parallel()
	for _, kind := range []job.Kind{job.Prune, job.Compact, job.Check} {
		for point, good := range map[string]bool{
			PointOpened:   true,  // nothing was begun
			PointStarted:  false, // borg never ran
			PointExecuted: true,  // borg ran on, and said that it was done
			PointJudged:   true,  // the exit status was kept
		} {
			t.Run(string(kind)+"/"+point, func(t *testing.T) {
				t.Parallel()
				h := newHost(t)
				h.maintained()
				repo := h.ofThreeDays()
				spec := h.spec(kind, repo)
				spec.Prune = &job.PruneSpec{Keep: job.Keep{Daily: 1}}
				d := h.order(spec)
				must(t, d.SetExpected(&fleetv1.ExpectedArchives{}))
				hold, err := d.HoldPipes()
				must(t, err)
				defer hold.Close()
				v := h.finish(d, envDieAt+"="+point)
				if v.Status.Good() != good || !good && (v.ErrorCode != job.CodeInterrupted || !strings.Contains(v.ErrorMessage, "safe to run it again")) {
					t.Errorf("%+v\n%s", v, logText(h.log(d)))
				}
				if n, want := len(h.archives(repo)), map[bool]int{true: 1, false: 3}[kind == job.Prune && good]; n != want {
					t.Errorf("%d archives are left, want %d", n, want)
				}
				if kind == job.Prune && good && (v.ArchivesDeleted == nil || *v.ArchivesDeleted != 2) {
					t.Errorf("%v archives deleted", v.ArchivesDeleted)
				}
				d = h.order(spec)
				must(t, d.SetExpected(&fleetv1.ExpectedArchives{}))
				if v := h.finish(d); !v.Status.Good() {
					t.Errorf("again: %+v", v)
				}
			})
		}
	}
}

// TestMaintainedElsewhere: what another agent is to do, this one never does,
// whoever orders it. Backups go on, and so does a break-lock.
func TestMaintainedElsewhere(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.maintained()
	repo := h.inited("a")
	h.aged(repo, ownName(repo, 1), 1)
	for maintainer, refused := range map[string]bool{"another": true, h.id.AgentID: false} {
		repo.Maintainer = maintainer
		for _, kind := range []job.Kind{job.Prune, job.Compact, job.Check, job.BreakLock, job.Backup} {
			spec := h.spec(kind, repo)
			spec.Prune = &job.PruneSpec{Keep: job.Keep{Daily: 1}}
			d := h.order(spec)
			must(t, d.SetExpected(&fleetv1.ExpectedArchives{}))
			v := h.finish(d)
			if got := v.ErrorCode == job.CodeMaintainedElse; got != (refused && kind.Maintains()) || !got && !v.Status.Good() {
				t.Errorf("%s by %q: %+v", kind, maintainer, v)
			}
		}
	}
}
