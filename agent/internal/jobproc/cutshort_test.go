package jobproc

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/job"
)

// TestAFileThatIsCutShortIsNotRestored: a full disk leaves half a file behind,
// and the verdict names it instead of counting it.
func TestAFileThatIsCutShortIsNotRestored(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	eachBorg(t, func(h *host) {
		t := h.t
		h.restores(nil)
		must(t, os.MkdirAll(h.path("src/1"), 0o755))
		must(t, os.MkdirAll(h.path("src/2"), 0o755))
		data := make([]byte, 9<<20)
		_, _ = rand.Read(data) // what is empty would be a hole, and have room
		must(t, os.WriteFile(h.path("src/1/a"), data[:3<<20], 0o600))
		must(t, os.WriteFile(h.path("src/2/b: big\n"), data, 0o600))
		repo := h.inited("a")
		repo.Sources = []string{h.path("src/1"), h.path("src/2")} // within a folder borg goes by inode numbers
		archive := h.archived(repo)
		must(t, os.Mkdir(h.path("out/small"), 0o755))
		if err := unix.Mount("tmpfs", h.path("out/small"), "tmpfs", 0, "size=8m"); err != nil {
			t.Skipf("cannot mount: %v", err)
		}
		defer unix.Unmount(h.path("out/small"), unix.MNT_DETACH)
		d, v := h.run(h.restore(repo, archive, "small/to"))
		expect(t, h, v, job.Failed, job.CodeDestinationFull, "is full")
		expect(t, h, v, job.Failed, job.CodeDestinationFull, "1 file (3.1 MB) was restored before that and stays in "+h.path("out/small/to")+"; partly written there, do not use: ")
		expect(t, h, v, job.Failed, job.CodeDestinationFull, `src/2/b: big\n"`)
		if v.Progress.NFiles != 1 || v.Progress.OriginalSize != 3<<20 {
			t.Errorf("figures %+v\n%s", v.Progress, logText(h.log(d)))
		}
	})
}

// TestWhatIsCutShort: of a list that is too long the rest is counted, and what
// is not there, or a directory, takes nothing away.
func TestWhatIsCutShort(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "d"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "f"), []byte("four"), 0o600))
	var tracker borg.Tracker
	say := func(text string) {
		tracker.Observe(borg.Event{Kind: borg.Log, Level: job.LevelWarning, Text: text})
	}
	a := amount{files: 100, size: 1000}
	if got := a.lessCut(dir, &tracker); got.files != 100 || got.warning() != ", the last of them perhaps in part" {
		t.Errorf("%+v: %q", got, got.warning())
	}
	for _, name := range []string{"f: write: ", "d: ", "never: open: ", "../f: write: "} {
		say(name + "[Errno 28] No space left on device")
	}
	say("f: write: [Errno 13] Permission denied")
	got := a.lessCut(dir, &tracker)
	if want := ", the last of them perhaps in part; partly written there, do not use: f, d, never, ../f"; got.files != 99 || got.size != 996 || got.warning() != want {
		t.Errorf("%+v: %q", got, got.warning())
	}
	for range 60 {
		say("x: write: [Errno 28] No space left on device")
	}
	got = a.lessCut(dir, &tracker)
	if want := ", the last of them perhaps in part; partly written there, do not use: f, d, never, ../f, x, and 59 more, which the log names"; got.files != 85 || got.warning() != want {
		t.Errorf("%+v: %q", got, got.warning())
	}
}
