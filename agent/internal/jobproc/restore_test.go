package jobproc

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/policy"
	"borgfleet/scripts/heldborg"
	"borgfleet/scripts/treecmp"
	"borgfleet/shared/job"
)

// restores allows restores below out.
func (h *host) restores(change func(*policy.Config)) {
	h.t.Helper()
	must(h.t, os.MkdirAll(h.path("out"), 0o755))
	h.configure(func(c *policy.Config) {
		must(h.t, c.Allow.AddDestination(h.path("out")))
		if change != nil {
			change(c)
		}
	})
}

// archived makes an archive of the repository's sources.
func (h *host) archived(repo job.Repository) string {
	h.t.Helper()
	d, v := h.run(h.spec(job.Backup, repo))
	if !v.Status.Good() {
		h.t.Fatalf("backup: %+v\n%s", v, logText(h.log(d)))
	}
	return v.ArchiveName
}

// restore is an order to restore to out/NAME.
func (h *host) restore(repo job.Repository, archive, name string, paths ...string) job.Spec {
	spec := h.spec(job.Restore, repo)
	spec.Restore = &job.RestoreSpec{Archive: archive, Paths: paths, Destination: filepath.Join(h.path("out"), name)}
	return spec
}

// same compares what lies at path on this host with what was restored of it.
func (h *host) same(path, destination string) {
	h.t.Helper()
	seen, differences := treecmp.Compare(path, filepath.Join(destination, path), treecmp.Options{Owners: os.Geteuid() == 0})
	for _, d := range differences {
		h.t.Error(d)
	}
	if seen == 0 {
		h.t.Error("nothing was compared")
	}
}

// in is a path as an archive has it.
func in(path string) string { return strings.TrimPrefix(path, "/") }

// zoo fills src with everything that a file system has to offer.
func (h *host) zoo() {
	h.t.Helper()
	must(h.t, os.Mkdir(h.path("src"), 0o755))
	must(h.t, treecmp.Zoo(h.path("src")))
}

func TestRestoreIsTrue(t *testing.T) {
	eachBorg(t, func(h *host) {
		t := h.t
		h.restores(nil)
		h.zoo()
		repo := h.inited("a")
		archive := h.archived(repo)
		d, v := h.run(h.restore(repo, archive, "new/deep"))
		if v.Status != job.Completed && os.Geteuid() == 0 || !v.Status.Good() {
			t.Fatalf("%+v\n%s", v, logText(h.log(d)))
		}
		h.same(h.path("src"), h.path("out/new/deep"))
		p := v.Progress
		if p.Percent != 100 || p.NFiles < int64(len(treecmp.OddNames())) || p.OriginalSize < 64<<20 || p.TotalExpected != p.OriginalSize || v.ArchiveName != archive {
			t.Errorf("figures %+v of %s", p, v.ArchiveName)
		}
		for _, dir := range []string{"out/new", "out/new/deep"} {
			if info, err := os.Stat(h.path(dir)); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%s: %v %v", dir, info.Mode(), err)
			}
		}
	})
}

func TestRestorePaths(t *testing.T) {
	eachBorg(t, func(h *host) {
		t := h.t
		h.restores(nil)
		h.zoo()
		repo := h.inited("a")
		archive := h.archived(repo)
		names := h.path("src/names")
		for _, name := range treecmp.OddNames() {
			path := filepath.Join(names, name)
			if len(name) > 100 || !utf8.ValidString(name) || strings.ContainsAny(name, "*-:\n {") {
				to := h.restore(repo, archive, "one", in(path))
				d, v := h.run(to)
				if !v.Status.Good() {
					t.Fatalf("%q: %+v\n%s", name, v, logText(h.log(d)))
				}
				h.same(path, to.Restore.Destination)
				if v.Progress.NFiles != 1 {
					t.Errorf("%q brought %d files", name, v.Progress.NFiles)
				}
				must(t, os.RemoveAll(to.Restore.Destination))
			}
		}
		to := h.restore(repo, archive, "several", in(h.path("src/hard")), in(h.path("src/other/")), in(h.path("src/folders/-dash")))
		_, v := h.run(to)
		if !v.Status.Good() {
			t.Fatalf("%+v", v)
		}
		h.same(h.path("src/hard"), to.Restore.Destination)
		h.same(h.path("src/other"), to.Restore.Destination)
	})
}

func TestRestoreSaysWhatIsMissing(t *testing.T) {
	eachBorg(t, func(h *host) {
		t := h.t
		h.restores(nil)
		h.files(3)
		repo := h.inited("a")
		archive := h.archived(repo)
		_, v := h.run(h.restore(repo, archive, "some", in(h.path("src")), "not/there", "bad\xff\nname"))
		expect(t, h, v, job.CompletedWithWarnings, "", "2 paths not in the archive: not/there, bad")
		_, v = h.run(h.restore(repo, archive, "none", "not/there"))
		expect(t, h, v, job.Failed, job.CodePathsNotFound, "not/there")
		_, v = h.run(h.restore(repo, "no-such-archive", "none"))
		expect(t, h, v, job.Failed, borg.CodeArchiveNotFound, "no-such-archive")
	})
}

func TestRestoreDestinations(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.restores(nil)
	h.files(3)
	repo := h.inited("a")
	archive := h.archived(repo)
	must(t, os.MkdirAll(h.path("out/full/sub"), 0o755))
	must(t, os.Symlink(h.root, h.path("out/away")))
	h.file("out/file", "x")
	for _, tt := range []struct{ to, code, text string }{
		{h.path("out/full"), job.CodeNotEmpty, "out/full/restored"},
		{h.path("out/file/below"), job.CodeDestination, "not a directory"},
		{h.path("elsewhere"), job.CodePolicy, "borgfleet-agent allow --destination " + h.path("elsewhere")},
		{h.path("out/away/x"), job.CodePolicy, "which is " + h.path("x")},
		{h.st.Path(), job.CodePolicy, "own directory"},
		{h.st.Jobs(), job.CodePolicy, "own directory"},
		{h.root, job.CodePolicy, "own directory"},
		{repo.Path + "/data", job.CodePolicy, "repository"},
		{"relative", job.CodePolicy, "absolute"},
		{h.path("out/" + strings.Repeat("x", 256)), job.CodeDestination, "file name too long"},
		{h.path("out" + strings.Repeat("/"+strings.Repeat("x", 200), 30)), job.CodePolicy, "4096 are the most"},
	} {
		spec := h.restore(repo, archive, "")
		spec.Restore.Destination = tt.to
		_, v := h.run(spec)
		expect(t, h, v, job.Failed, tt.code, tt.text)
	}
	if entries, _ := os.ReadDir(h.root); len(entries) > 5 {
		t.Errorf("something was made: %v", entries)
	}
	must(t, os.Mkdir(h.path("out/empty"), 0o750))
	_, v := h.run(h.restore(repo, archive, "empty"))
	if !v.Status.Good() {
		t.Errorf("%+v", v)
	}
	if info, _ := os.Stat(h.path("out/empty")); info.Mode().Perm() != 0o750 {
		t.Error("the mode of a directory that was there has changed")
	}
}

// TestRestoreTakesItsDirectoriesBack: a restore that brought nothing leaves nothing,
// and never takes away what was there.
func TestRestoreTakesItsDirectoriesBack(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.restores(nil)
	h.files(3)
	repo := h.inited("a")
	archive := h.archived(repo)
	must(t, os.MkdirAll(h.path("out/there/empty"), 0o755))
	for _, name := range []string{"new/deep/er", "there/new", "there/empty", ""} {
		_, v := h.run(h.restore(repo, archive, name, "not/there"))
		expect(t, h, v, job.Failed, map[bool]string{true: job.CodeNotEmpty, false: job.CodePathsNotFound}[name == ""], "")
	}
	_, v := h.run(h.restore(repo, "no-such-archive", "there/missing"))
	expect(t, h, v, job.Failed, borg.CodeArchiveNotFound, "")
	// One that another restore has begun to fill.
	h.file("out/begun/file", "x")
	_, v = h.run(h.restore(repo, archive, "begun/new/deep", "not/there"))
	expect(t, h, v, job.Failed, job.CodePathsNotFound, "")
	left := []string{}
	must(t, filepath.WalkDir(h.path("out"), func(path string, _ os.DirEntry, err error) error {
		left = append(left, strings.TrimPrefix(path, h.root+"/"))
		return err
	}))
	if want := []string{"out", "out/begun", "out/begun/file", "out/there", "out/there/empty"}; !slices.Equal(left, want) {
		t.Errorf("there are %v, not %v", left, want)
	}
	_, v = h.run(h.restore(repo, archive, "some/new", in(h.path("src")), "not/there"))
	expect(t, h, v, job.CompletedWithWarnings, "", "")
	h.same(h.path("src"), h.path("out/some/new"))
}

func TestRestoreCancelled(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	held, err := heldborg.New(t.TempDir(), must1(exec.LookPath("borg")), 300)
	must(t, err)
	h.tool = held.Program()
	h.restores(nil)
	h.files(400)
	repo := h.inited("a")
	archive := h.archived(repo)
	d := h.order(h.restore(repo, archive, "part"))
	cmd := h.spawn(d)
	await(t, "files", held.Waits)
	await(t, "progress", func() bool { r, _ := d.Register(); return r.Progress.OriginalSize > 0 && r.Progress.TotalExpected > 0 })
	r, _ := d.Register()
	if p := r.Progress; p.TotalSource == job.TotalNone || p.TotalExpected < p.OriginalSize || p.Percent >= 100 || p.CurrentFile == "" || r.ArchiveName != archive {
		t.Errorf("progress %+v", p)
	}
	must(t, d.SetDesired(jobdir.Cancel))
	must(t, cmd.Wait())
	v := h.verdict(d)
	expect(t, h, v, job.Cancelled, job.CodeCancelled, "stay in "+h.path("out/part"))
	if !v.ProcessTerminated || d.BorgRunning() || v.Progress.NFiles == 0 || v.Progress.Percent >= 100 {
		t.Errorf("verdict %+v", v)
	}
}
