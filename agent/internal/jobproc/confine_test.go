package jobproc

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"borgfleet/scripts/heldborg"
	"borgfleet/shared/job"
)

// TestRestoreStaysInside: an archive that holds a symlink and what lies behind
// it changes nothing behind it, neither a file nor the rights of a folder.
func TestRestoreStaysInside(t *testing.T) {
	eachBorg(t, func(h *host) {
		t := h.t
		h.restores(nil)
		h.file("mnt/dir/x", "of the archive")
		must(t, os.Chmod(h.path("mnt/dir"), 0o777))
		must(t, os.MkdirAll(h.path("src/u"), 0o755))
		must(t, os.Symlink(h.path("mnt"), h.path("src/u/data")))
		repo := h.inited("a")
		repo.Sources = []string{h.path("src"), h.path("src/u/data/dir")}
		archive := h.archived(repo)
		must(t, os.Remove(h.path("mnt/dir/x")))
		must(t, os.Chmod(h.path("mnt/dir"), 0o700))
		was := time.Unix(1e9, 0)
		must(t, os.Chtimes(h.path("mnt/dir"), was, was))
		d, v := h.run(h.restore(repo, archive, "one"))
		if v.Status != job.CompletedWithWarnings || v.ErrorMessage == "" {
			t.Errorf("%+v\n%s", v, logText(h.log(d)))
		}
		info, err := os.Stat(h.path("mnt/dir"))
		must(t, err)
		if entries, _ := os.ReadDir(h.path("mnt/dir")); len(entries) > 0 || info.Mode().Perm() != 0o700 || !info.ModTime().Equal(was) {
			t.Errorf("changed outside of the destination: %v, %v %v\n%s", entries, info.Mode(), info.ModTime(), logText(h.log(d)))
		}
	})
}

// TestRestoreKeepsItsRepository: an archive that leads borg into the very
// repository that it came from changes none of its data.
func TestRestoreKeepsItsRepository(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root's borg can be kept out of a part of a directory")
	}
	h := newHost(t)
	h.restores(nil)
	repo := h.inited("a")
	must(t, os.MkdirAll(h.path("src/u"), 0o755))
	must(t, os.Symlink(repo.Path, h.path("src/u/link")))
	names := []string{"config", "nonce", "data/0/0"}
	repo.Sources = []string{h.path("src")}
	for _, name := range names {
		repo.Sources = append(repo.Sources, h.path("src/u/link/"+name))
	}
	archive := h.archived(repo)
	files := func() (out []uint64) {
		for _, name := range names {
			var st unix.Stat_t
			must(t, unix.Stat(filepath.Join(repo.Path, name), &st))
			out = append(out, st.Ino, uint64(st.Ctim.Nano()))
		}
		return out
	}
	was := files()
	d, v := h.run(h.restore(repo, archive, "one"))
	if v.Status != job.CompletedWithWarnings {
		t.Errorf("%+v", v)
	}
	if is := files(); !slices.Equal(is, was) {
		t.Errorf("inodes and changes of %v were %d and are %d\n%s", names, was, is, logText(h.log(d)))
	}
	h.borg("check", "--verify-data", repo.Path)
}

// TestRestoreFromDataElsewhere: a repository whose data is a link to another disk
// is restored from as any other, and as confined.
func TestRestoreFromDataElsewhere(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root's borg can be kept out of a part of a directory")
	}
	h := newHost(t)
	h.restores(nil)
	h.files(3)
	repo := h.inited("a")
	archive := h.archived(repo)
	must(t, os.Rename(filepath.Join(repo.Path, "data"), h.path("disk")))
	must(t, os.Symlink(h.path("disk"), filepath.Join(repo.Path, "data")))
	d, v := h.run(h.restore(repo, archive, "one"))
	expect(t, h, v, job.Completed, "", "")
	if log := logText(h.log(d)); strings.Contains(log, "confined") || strings.Contains(log, "links in the archive") {
		t.Error(log)
	}
}

// TestRestoreThroughASwap: an account that owns the destination puts a link in
// borg's way while it writes.
func TestRestoreThroughASwap(t *testing.T) {
	for name, swapped := range map[string]string{"below": "out/mine/%", "itself": "out/mine"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			held, err := heldborg.New(t.TempDir(), must1(exec.LookPath("borg")), 300)
			must(t, err)
			h.tool = held.Program()
			h.restores(nil)
			h.files(400)
			repo := h.inited("a")
			archive := h.archived(repo)
			must(t, os.MkdirAll(h.path("etc"), 0o755))
			must(t, os.MkdirAll(h.path("out/mine"), 0o777))
			d := h.order(h.restore(repo, archive, "mine"))
			cmd := h.spawn(d)
			await(t, "files", held.Waits)
			dir := h.path(swapped)
			if filepath.Base(dir) == "%" {
				dir = h.path("out/mine") + h.path("src")
			}
			must(t, os.Rename(dir, h.path("out/aside")))
			must(t, os.Symlink(h.path("etc"), dir))
			must(t, held.GoOn())
			must(t, cmd.Wait())
			if v := h.verdict(d); v.Status == job.Completed {
				t.Errorf("%+v", v)
			}
			if entries, _ := os.ReadDir(h.path("etc")); len(entries) > 0 {
				t.Errorf("root's borg followed the link: %v", entries)
			}
		})
	}
}

// TestDestinationOfOthers: where borg cannot be confined nobody else may be able
// to lead it elsewhere.
func TestDestinationOfOthers(t *testing.T) {
	me, other := uint32(os.Geteuid()), uint32(os.Geteuid()+1)
	for _, tt := range []struct {
		uid, mode uint32
		last      bool
		want      bool
	}{
		{me, 0o700, true, false},
		{me, 0o755, true, false},
		{me, 0o775, true, true},
		{me, 0o757, true, true},
		{other, 0o700, true, true},
		{me, unix.S_ISVTX | 0o777, true, true},
		{0, unix.S_ISVTX | 0o777, false, false}, // /tmp
		{0, 0o777, false, true},
		{0, 0o755, false, false},
		{other, 0o755, false, true},
	} {
		if got := changeable(unix.Stat_t{Uid: tt.uid, Mode: tt.mode}, tt.last); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
	out := t.TempDir()
	open := func(below string) *destination {
		d := &destination{path: filepath.Join(out, below)}
		fd, err := openBelow(out, below, d.note)
		must(t, err)
		unix.Close(fd)
		return d
	}
	if err := open("new/deep").trusted("x"); err != nil {
		t.Error(err)
	}
	must(t, os.Chmod(filepath.Join(out, "new"), 0o777))
	d := open("new/deep")
	if err := d.trusted("asked"); codeOf(err) != job.CodeDestination || d.loose != filepath.Join(out, "new") {
		t.Errorf("%v, %q", err, d.loose)
	}
}
