package jobproc

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/borg"
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

// memory are the files in which borg remembers repositories: where the agent has
// them, or in the account's home.
func (h *host) memory(base string) (files []string) {
	h.t.Helper()
	for _, dir := range []string{".config/borg/security", ".cache/borg"} {
		must(h.t, filepath.WalkDir(filepath.Join(base, dir), func(path string, e fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil // a restore needs no cache
			case err == nil && !e.IsDir():
				files = append(files, path)
			}
			return err
		}))
	}
	return files
}

// TestRestoreKeepsBorgsMemory: an archive that leads borg to its own directories,
// and holds older contents of them, changes nothing there. borg would take an old
// state of the repository for a new one from then on.
func TestRestoreKeepsBorgsMemory(t *testing.T) {
	for name, account := range map[string]bool{"the agent's": false, "the account's": true} {
		t.Run(name, func(t *testing.T) {
			eachBorg(t, func(h *host) {
				t := h.t
				h.restores(nil)
				h.env = append(h.env, "HOME="+h.path("home"))
				h.file("src/file", "x")
				repo := h.inited("a")
				repo.AccountDirs = account
				base := h.st.BorgBase()
				if account {
					base = h.path("home")
				}
				h.archived(repo)
				must(t, os.Symlink(base, h.path("src/link")))
				old := h.memory(base)
				with := repo
				for _, file := range old {
					with.Sources = append(with.Sources, strings.Replace(file, base, h.path("src/link"), 1))
				}
				archive := h.archived(with)
				h.archived(repo)
				was := map[string]string{}
				for _, file := range h.memory(base) {
					text, err := os.ReadFile(file)
					must(t, err)
					was[file] = string(text)
				}
				d, v := h.run(h.restore(repo, archive, "one"))
				if v.Status != job.CompletedWithWarnings {
					t.Errorf("%+v", v)
				}
				for file, text := range was {
					if now, err := os.ReadFile(file); err != nil || string(now) != text {
						t.Errorf("%s was changed (%v)", file, err)
					}
				}
				if len(was) < 5 || t.Failed() {
					t.Errorf("%d files\n%s", len(was), logText(h.log(d)))
				}
				if left := d.Scratches(); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			})
		})
	}
}

// TestRestoreRemembers: borg knows in a restore what it knows otherwise, and what
// it learns in one it knows afterwards.
func TestRestoreRemembers(t *testing.T) {
	eachBorg(t, func(h *host) {
		t := h.t
		h.restores(nil)
		h.files(3)
		repo := h.inited("a")
		archive := h.archived(repo)
		must(t, os.RemoveAll(h.st.BorgBase()))
		_, v := h.run(h.restore(repo, archive, "one"))
		if !v.Status.Good() {
			t.Fatalf("%+v", v)
		}
		if files := h.memory(h.st.BorgBase()); len(files) < 3 {
			t.Errorf("borg remembers %v", files)
		}
		before := h.path("before")
		must(t, os.CopyFS(before, os.DirFS(repo.Path)))
		h.archived(repo)
		must(t, os.RemoveAll(repo.Path))
		must(t, os.Rename(before, repo.Path))
		_, v = h.run(h.restore(repo, archive, "two"))
		expect(t, h, v, job.Failed, borg.CodeRepoReplaced, "")
	})
}

// TestRestoreLeavesNothingBehind of what was lent to borg, whenever its process dies.
func TestRestoreLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for _, at := range []string{PointStarted, PointExecuted, PointExited, PointJudged, PointEnded} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.restores(nil)
			h.files(3)
			repo := h.inited("a")
			archive := h.archived(repo)
			d := h.order(h.restore(repo, archive, "one"))
			h.finish(d, envDieAt+"="+at)
			must(t, h.spawn(d).Wait())
			if left := d.Scratches(); len(left) > 0 {
				t.Error(left)
			}
		})
	}
}

// TestRestoreWithAKeyFile: the key is where it is for every other job.
func TestRestoreWithAKeyFile(t *testing.T) {
	eachBorg(t, func(h *host) {
		h.restores(nil)
		h.files(3)
		repo := h.usedByHand("a", "keyfile")
		repo.AccountDirs, repo.Adopted = true, true
		archive := h.archived(repo)
		_, v := h.run(h.restore(repo, archive, "one"))
		if !v.Status.Good() {
			h.t.Errorf("%+v", v)
		}
		h.same(h.path("src"), h.path("out/one"))
	})
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

// TestMadeIsTakenBack, but not what has come into its place.
func TestMadeIsTakenBack(t *testing.T) {
	out := must1(filepath.EvalSymlinks(t.TempDir()))
	for name, change := range map[string]func(deep string) error{
		"nothing":   func(string) error { return nil },
		"replaced":  func(deep string) error { return errors.Join(os.Rename(deep, deep+"-"), os.Mkdir(deep, 0o700)) },
		"a link":    func(deep string) error { return errors.Join(os.Rename(deep, deep+"-"), os.Symlink(out, deep)) },
		"a file in": func(deep string) error { return os.WriteFile(filepath.Join(deep, "file"), nil, 0o600) },
	} {
		var m made
		fd, err := openBelow(out, name+"/deep", func(int, string) {}, m.note)
		must(t, err)
		unix.Close(fd)
		deep := filepath.Join(out, name, "deep")
		must(t, change(deep))
		m.remove()
		_, err = os.Lstat(deep)
		if gone := errors.Is(err, fs.ErrNotExist); gone != (name == "nothing") {
			t.Errorf("%s: gone: %v", name, gone)
		}
		if _, err = os.Lstat(filepath.Dir(deep)); errors.Is(err, fs.ErrNotExist) != (name == "nothing") {
			t.Errorf("%s, above: %v", name, err)
		}
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
		fd, err := openBelow(out, below, d.note, new(made).note)
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
