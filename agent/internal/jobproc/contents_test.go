package jobproc

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	"borgfleet/shared/wire"
)

// contents runs a job that lists a folder, and gives what it found by name.
func (h *host) contents(repo job.Repository, archive, folder string) (map[string]job.Entry, job.Verdict) {
	h.t.Helper()
	spec := h.spec(job.List, repo)
	spec.List = &job.ListSpec{Archive: archive, Path: folder}
	d, v := h.run(spec)
	found := map[string]job.Entry{}
	for _, r := range h.log(d) {
		if r.Data == nil {
			continue
		}
		e, err := wire.DecodeEntry(r.Data)
		must(h.t, err)
		name, below := strings.CutPrefix(e.Path, folder)
		name = strings.TrimPrefix(name, "/")
		if _, twice := found[name]; twice || !below || strings.Contains(name, "/") || r.Text == "" {
			h.t.Errorf("entry %q of %q (twice: %v), text %q", e.Path, folder, twice, r.Text)
		}
		found[name] = e
	}
	if v.Status.Good() && v.Progress.NFiles != int64(len(found)) {
		h.t.Errorf("%d entries, and the verdict says %d", len(found), v.Progress.NFiles)
	}
	return found, v
}

// checkListed compares entries with a directory of this host.
func (h *host) checkListed(dir string, found map[string]job.Entry) {
	h.t.Helper()
	entries, err := os.ReadDir(dir)
	must(h.t, err)
	for _, entry := range entries {
		e, ok := found[entry.Name()]
		if !ok {
			h.t.Errorf("%q is missing", entry.Name())
			continue
		}
		var st unix.Stat_t
		must(h.t, unix.Lstat(filepath.Join(dir, entry.Name()), &st))
		letters := map[uint32]string{unix.S_IFREG: "-", unix.S_IFDIR: "d", unix.S_IFLNK: "l", unix.S_IFIFO: "p", unix.S_IFCHR: "c"}
		kind := letters[st.Mode&unix.S_IFMT]
		if e.Type != kind && e.Type != "h" || e.Mode[:1] != kind || e.Implied {
			h.t.Errorf("%q: type %s, mode %s, want %s", e.Path, e.Type, e.Mode, kind)
		}
		if e.Type == "-" && e.Size != st.Size || e.UID != int64(st.Uid) || e.GID != int64(st.Gid) || e.User == "" {
			h.t.Errorf("%q: %+v", e.Path, e)
		}
		if off := e.MTime.UnixMicro() - st.Mtim.Nano()/1000; off < 0 || off > 1 { // borg rounds
			h.t.Errorf("%q: changed %s", e.Path, e.MTime)
		}
	}
	if len(found) != len(entries) {
		h.t.Errorf("%s: %d entries, want %d", dir, len(found), len(entries))
	}
}

// checkHardLinks: one name carries the file, the others say which. It is the
// first that borg met, and borg goes by inode number: in one folder that is the
// order of their making, among folders it is the file system's choice.
func (h *host) checkHardLinks(repo job.Repository, archive string) {
	h.t.Helper()
	names := []string{"src/hard/one", "src/hard/two", "src/other/three"}
	first, links := "", map[string]job.Entry{}
	for _, name := range names {
		found, _ := h.contents(repo, archive, in(h.path(filepath.Dir(name))))
		switch e := found[filepath.Base(name)]; e.Type {
		case "h":
			links[name] = e
		case "-":
			first = name
		default:
			h.t.Errorf("%s: %+v", name, e)
		}
	}
	if first == "" || len(links) != len(names)-1 {
		h.t.Errorf("first of %v is %q, links %+v", names, first, links)
	}
	for name, e := range links {
		if e.Target != in(h.path(first)) || e.Mode != "-rw-r--r--" {
			h.t.Errorf("%s, a second name of %s: %+v", name, first, e)
		}
	}
}

func TestContents(t *testing.T) {
	eachBorg(t, func(h *host) {
		t := h.t
		h.zoo()
		repo := h.inited("a")
		archive := h.archived(repo)
		for _, dir := range []string{"src", "src/names", "src/folders", "src/folders/-dash", "src/folders/new\nline", "src/folders/bad\xff\xfeutf", "src/empty", "src/modes", "src/hard"} {
			if _, err := os.Stat(h.path(dir)); err != nil {
				continue
			}
			found, v := h.contents(repo, archive, in(h.path(dir)))
			expect(t, h, v, job.Completed, "", "")
			h.checkListed(h.path(dir), found)
		}
		h.checkHardLinks(repo, archive)
		// What is above the sources is no entry.
		parts := strings.Split(in(h.path("src")), "/")
		for i := range len(parts) - 1 {
			found, v := h.contents(repo, archive, strings.Join(parts[:i], "/"))
			expect(t, h, v, job.Completed, "", "")
			if e := found[parts[i]]; len(found) != 1 || !e.Implied || e.Type != "d" || e.Path != strings.Join(parts[:i+1], "/") {
				t.Errorf("above: %+v", found)
			}
		}
	})
}

func TestContentsOfWhatIsNotThere(t *testing.T) {
	eachBorg(t, func(h *host) {
		t := h.t
		h.files(3)
		repo := h.inited("a")
		archive := h.archived(repo)
		_, v := h.contents(repo, archive, "not/there")
		expect(t, h, v, job.Failed, job.CodePathsNotFound, "not/there")
		_, v = h.contents(repo, archive, in(h.path("src/d000/file00001")))
		expect(t, h, v, job.Failed, job.CodeNotAFolder, "file00001")
		_, v = h.contents(repo, "none", "")
		expect(t, h, v, job.Failed, borg.CodeArchiveNotFound, "none")
		_, v = h.contents(repo, archive, "../etc")
		expect(t, h, v, job.Failed, job.CodePolicy, "..")
	})
}

// TestContentsOverlap: sources inside each other, and one that an exclude has
// cut off from the folder above it.
func TestContentsOverlap(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.file("src/cut/keep/file", "x")
	h.file("src/cut/lost", "x")
	h.file("src/b", "x")
	repo := h.inited("a")
	repo.Sources = []string{h.path("src/cut/keep"), h.path("src"), h.path("src/b")}
	repo.ExcludePatterns = []string{"pf:" + h.path("src/cut")}
	found, v := h.contents(repo, h.archived(repo), in(h.path("src")))
	expect(t, h, v, job.Completed, "", "")
	if len(found) != 2 || !found["cut"].Implied || found["b"].Implied {
		t.Errorf("%+v", found)
	}
}

// TestContentsInterrupted: half a list is never taken for a list.
func TestContentsInterrupted(t *testing.T) {
	t.Parallel()
	for _, point := range []string{PointStarted, PointExecuted, PointExited} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			repo := h.ofThreeDays()
			spec := h.spec(job.List, repo)
			spec.List = &job.ListSpec{Archive: ownName(repo, 5)}
			d := h.order(spec)
			hold, err := d.HoldPipes()
			must(t, err)
			defer hold.Close()
			v := h.finish(d, envDieAt+"="+point)
			expect(t, h, v, job.Failed, job.CodeInterrupted, "ask for it again")
		})
	}
}

// TestFolder feeds the picker with pieces of any size.
func TestFolder(t *testing.T) {
	t.Parallel()
	line := func(kind, path string) string {
		return fmt.Sprintf("%s %srwxr-xr-x 0 0 1 2026-11-24T04:46:32.548726 'root' 'root' '' '%s'\n", kind, kind, path)
	}
	all := line("d", "a") + line("-", "a/b/c/d") + line("d", "a/x") + line("-", "a/x/y") + line("d", "a/b") + line("-", "a/z") + line("-", "a/z") + line("-", "a/q/r")
	for size := 1; size < len(all); size += 7 {
		var got []string
		f := newFolder("a/", func(lines []jobdir.Line) {
			for _, l := range lines {
				e, err := wire.DecodeEntry(l.Data)
				must(t, err)
				got = append(got, fmt.Sprint(e.Path, " ", e.Implied))
			}
		})
		for part := range slices.Chunk([]byte(all), size) {
			f.Write(part)
		}
		f.close()
		if want := []string{"a/x false", "a/b false", "a/z false", "a/q true"}; !slices.Equal(got, want) || f.err != nil || f.count != 4 || !f.there || f.file {
			t.Fatalf("in pieces of %d: %v, %v", size, got, f.err)
		}
	}
	f := newFolder("", func([]jobdir.Line) {})
	f.Write([]byte("nonsense\n"))
	if f.close(); f.err == nil {
		t.Error("nonsense is an entry")
	}
}
