package jobdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"borgfleet/shared/job"
)

func newDir(t testing.TB) *Dir {
	t.Helper()
	d, err := Create(t.TempDir(), newKey(t), testSpec(), job.PhaseAccepted)
	must(t, err)
	return d
}

func newKey(t testing.TB) job.Key {
	t.Helper()
	key, err := job.NewKey()
	must(t, err)
	return key
}

func testSpec() job.Spec {
	now := time.Unix(1e9, 0).UTC()
	return job.Spec{
		Kind: job.Backup, CreatedAt: now, StartDeadline: now.Add(time.Hour), TriggeredBy: job.ByManual,
		Repository: job.Repository{Path: "/r", Sources: []string{"/s"}, ExcludePatterns: []string{}, ExcludeIfPresent: []string{}, FileLog: "none"},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCreateAndOpen(t *testing.T) {
	d := newDir(t)
	again, err := Open(d.Path())
	must(t, err)
	if again.Key() != d.Key() || again.Spec().Repository.Path != "/r" || !again.Spec().StartDeadline.Equal(d.Spec().StartDeadline) {
		t.Errorf("opened %+v", again)
	}
	r, err := again.Register()
	must(t, err)
	if want := (job.Register{Incarnation: 1, Version: 1, Phase: job.PhaseAccepted, Progress: job.Progress{TotalSource: job.TotalNone}}); cmp.Diff(want, r) != "" {
		t.Errorf("register %+v", r)
	}
	if _, err := Create(filepath.Dir(d.Path()), d.Key(), testSpec(), job.PhaseAccepted); !errors.Is(err, ErrExists) {
		t.Errorf("second Create: %v", err)
	}
	filepath.WalkDir(d.Path(), func(path string, e fs.DirEntry, err error) error {
		must(t, err)
		fi, err := e.Info()
		must(t, err)
		if fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, fi.Mode())
		}
		return nil
	})
}

func TestCreateEnded(t *testing.T) {
	jobs := t.TempDir()
	key := newKey(t)
	d, err := CreateEnded(jobs, key, testSpec(), job.Verdict{Status: job.Cancelled, ErrorCode: job.CodeCancelled})
	must(t, err)
	d, err = Open(d.Path())
	must(t, err)
	r, err := d.Register()
	must(t, err)
	if !d.Ended() || r.Verdict == nil || r.Verdict.Status != job.Cancelled || r.Phase != job.PhaseAccepted {
		t.Errorf("register %+v", r)
	}
	if _, err := Create(jobs, key, testSpec(), job.PhaseAccepted); !errors.Is(err, ErrExists) {
		t.Errorf("the key is not used up: %v", err)
	}
}

func TestListClearsAndReports(t *testing.T) {
	jobs := t.TempDir()
	d, err := Create(jobs, newKey(t), testSpec(), job.PhaseAccepted)
	must(t, err)
	bad, err := Create(jobs, newKey(t), testSpec(), job.PhaseAccepted)
	must(t, err)
	b, err := os.ReadFile(bad.file(fileSpec))
	must(t, err)
	b[20] ^= 1
	must(t, os.WriteFile(bad.file(fileSpec), b, 0o600))
	must(t, os.Mkdir(filepath.Join(jobs, tmpPrefix+"1"), 0o700))
	gone, err := Create(jobs, newKey(t), testSpec(), job.PhaseAccepted)
	must(t, err)
	must(t, gone.Remove())
	dirs, damaged, err := List(jobs)
	must(t, err)
	if len(dirs) != 1 || dirs[0].Key() != d.Key() {
		t.Errorf("found %v", dirs)
	}
	if len(damaged) != 1 || damaged[0].Path != bad.Path() || !errors.Is(damaged[0].Err, ErrDamaged) {
		t.Errorf("damaged %v", damaged)
	}
	if left, _ := filepath.Glob(jobs + "/.new*"); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestVerdictIsWrittenOnce(t *testing.T) {
	d := newDir(t)
	must(t, d.WriteVerdict(job.Verdict{Status: job.Completed, JournalEnd: 7, ArchiveName: "a"}))
	if err := d.WriteVerdict(job.Verdict{Status: job.Failed}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second verdict: %v", err)
	}
	r, err := d.Register()
	must(t, err)
	if r.Verdict == nil || r.Verdict.Status != job.Completed || r.ArchiveName != "a" {
		t.Errorf("register %+v", r)
	}
	if next, _ := d.JournalNext(); next != 8 {
		t.Errorf("journal next %d", next)
	}
	if left, _ := filepath.Glob(d.Path() + "/.*"); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestStartMark(t *testing.T) {
	d := newDir(t)
	if s, err := d.Started(); s != nil || err != nil {
		t.Fatalf("%v %v", s, err)
	}
	want := Started{Incarnation: 2, Attempt: 1, BootID: "b", ArchiveName: "a", StartedAt: time.Unix(5, 6).UTC()}
	must(t, d.MarkStarted(want))
	if err := d.MarkStarted(want); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second mark: %v", err)
	}
	s, err := d.Started()
	must(t, err)
	if *s != want {
		t.Errorf("%+v", s)
	}
	must(t, d.SetExit(Exit{StartedAt: want.StartedAt, Code: 1}))
	if e, err := d.Exit(*s); err != nil || e == nil || e.Code != 1 {
		t.Errorf("exit %v %v", e, err)
	}
	must(t, d.GiveBack())
	if s, _ := d.Started(); s != nil {
		t.Error("given back, still there")
	}
	want.StartedAt = want.StartedAt.Add(1)
	if e, err := d.Exit(want); e != nil || err != nil {
		t.Errorf("another run's exit status was taken: %v %v", e, err)
	}
	must(t, os.WriteFile(d.file(fileStarted), []byte("torn"), 0o600))
	if s, err := d.Started(); s == nil || !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged mark is no mark: %v %v", s, err)
	}
}

// TestRegisterOnlyGetsNewer: whatever is lost in a power cut, what follows is
// newer than what anybody saw.
func TestRegisterOnlyGetsNewer(t *testing.T) {
	d := newDir(t)
	var seen job.Register
	look := func() {
		t.Helper()
		r, err := d.Register()
		must(t, err)
		if r != seen && !r.Newer(seen) {
			t.Errorf("%+v came after %+v", r, seen)
		}
		seen = r
	}
	look()
	for range 3 {
		g, err := d.OpenRegister()
		must(t, err)
		g.Change(func(r *job.Register) { r.Phase = job.PhaseStarted })
		must(t, g.Flush())
		look()
		g.Change(func(r *job.Register) { r.Progress.NFiles++ })
		await(t, func() bool { r, _ := d.Register(); return r.Progress.NFiles != seen.Progress.NFiles })
		look()
		g.Close()
		// The power cut: progress is not synced.
		must(t, os.WriteFile(d.file(fileProgress), nil, 0o600))
		if _, err := d.Register(); err != nil {
			t.Fatalf("a torn progress file hides the register: %v", err)
		}
		must(t, d.Update(func(r *job.Register) { r.Reason = "host busy" }))
		look()
	}
}

func TestWishes(t *testing.T) {
	d := newDir(t)
	w, err := d.WatchWishes()
	must(t, err)
	defer w.Close()
	if want, err := d.Desired(); want != Run || err != nil {
		t.Errorf("%v %v", want, err)
	}
	began := time.Now()
	must(t, d.SetDesired(Cancel))
	<-w.C()
	t.Logf("seen after %s", time.Since(began))
	if want, _ := d.Desired(); want != Cancel {
		t.Errorf("%v", want)
	}
	must(t, d.SetID(42))
	must(t, d.SetAcked(43))
	if id, err := d.ID(); id != 42 || err != nil {
		t.Errorf("%v %v", id, err)
	}
	if n, err := d.Acked(); n != 43 || err != nil {
		t.Errorf("%v %v", n, err)
	}
}

func await(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}

// TestTornNumbersCountAsMissing: they are written unsynced, so a power cut may
// leave zeros or a part. What they say comes again; a job that could not be
// opened for it would never end.
func TestTornNumbersCountAsMissing(t *testing.T) {
	d := newDir(t)
	for _, torn := range []string{"", "\x00\x00\x00", "4", "4x\n"} {
		must(t, os.WriteFile(d.file(fileAcked), []byte(torn), 0o600))
		must(t, os.WriteFile(d.file(fileID), []byte(torn), 0o600))
		if n, err := d.Acked(); n != 0 || err != nil {
			t.Errorf("acked %q: %d, %v", torn, n, err)
		}
		if n, err := d.ID(); n != 0 || err != nil {
			t.Errorf("id %q: %d, %v", torn, n, err)
		}
		j, err := d.OpenJournal(Limits{})
		must(t, err)
		must(t, j.Close())
	}
}
