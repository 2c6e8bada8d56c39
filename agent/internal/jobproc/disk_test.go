package jobproc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"borgfleet/shared/job"
)

// TestFullStateDisk: the disk of the agent's own state fills up while borg
// runs. borg must not notice, what is not logged is counted, and the verdict
// is written as soon as there is room. Needs root for a small tmpfs.
func TestFullStateDisk(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	h := newHost(t)
	repo := h.inited("a")
	repo.FileLog = job.FileLogAll
	files := h.files(1500)
	if err := unix.Mount("tmpfs", h.st.Jobs(), "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(h.st.Jobs(), unix.MNT_DETACH) })
	d := h.order(h.spec(job.Backup, repo))
	cmd := h.spawn(d)
	await(t, "lines in the journal", func() bool { n, _ := d.JournalNext(); return n > 50 })
	ballast := filepath.Join(h.st.Jobs(), ".new-ballast")
	f, err := os.Create(ballast)
	must(t, err)
	for err == nil { // as long as borg runs, also what is given back is taken
		if _, err = f.Write(make([]byte, 4096)); err != nil && d.BorgRunning() {
			err = nil
		}
	}
	must(t, f.Close())
	if d.Ended() {
		t.Error("a verdict on a full disk?")
	}
	must(t, os.Remove(ballast))
	must(t, cmd.Wait())
	v := h.verdict(d)
	if v.Status != job.Completed && v.ErrorCode != job.CodeStatusLost {
		t.Errorf("verdict %+v", v)
	}
	h.checkArchivesNamed(repo, v)
	kept, lost := 0, 0
	for _, r := range h.log(d) {
		switch {
		case r.Gap != nil:
			lost += int(r.Gap.Count)
		case strings.HasPrefix(r.Text, "A "):
			kept++
		}
	}
	t.Logf("%s %q: %d files kept, %d lines counted of %d", v.Status, v.ErrorMessage, kept, lost, len(files))
	if lost == 0 || kept+lost < len(files) {
		t.Errorf("%d files kept and %d lines counted of %d files", kept, lost, len(files))
	}
}

// checkArchivesNamed is checkArchives for a verdict that may lack the id.
func (h *host) checkArchivesNamed(repo job.Repository, v job.Verdict) {
	h.t.Helper()
	if names := h.archives(repo); len(names) != 1 || names[0] != v.ArchiveName {
		h.t.Errorf("verdict %s of %q, archives %v", v.Status, v.ArchiveName, names)
	}
}
