package jobproc

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/job"
)

// asNobody runs f on a thread without rights. Go's own calls change every
// thread of a process; the raw one changes this thread, which ends with f.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked
		if os.Getuid() == 0 {
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
				t.Errorf("become nobody: %v", errno)
				return
			}
		}
		f()
	}()
	<-done
}

func TestSourcesThatCannotBeBackedUp(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, os.Chmod(dir, 0o755))
	open, closed, gone := filepath.Join(dir, "open"), filepath.Join(dir, "closed"), filepath.Join(dir, "gone")
	must(t, os.Mkdir(open, 0o755))
	must(t, os.Mkdir(closed, 0o700))
	if os.Getuid() != 0 {
		must(t, os.Chmod(closed, 0))
		t.Cleanup(func() { os.Chmod(closed, 0o700) })
	}
	cases := []struct {
		what    string
		sources []string
		code    string
		names   string
	}{
		{"all is well", []string{open}, "", ""},
		{"others can be read", []string{open, closed, gone}, "", ""},
		{"none exists", []string{gone}, job.CodeSourcesMissing, gone},
		{"none may be read", []string{closed}, job.CodeSourcesUnreadable, closed},
		{"one is gone, one closed", []string{gone, closed}, job.CodeSourcesUnreadable, gone},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			var err error
			asNobody(t, func() { err = checkSources(c.sources) })
			if c.code == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatal("taken")
			}
			if v := failed(err); v.ErrorCode != c.code || !strings.Contains(v.ErrorMessage, c.names) {
				t.Errorf("%s %q, want %s that names %s", v.ErrorCode, v.ErrorMessage, c.code, c.names)
			}
		})
	}
}

// TestNothingCouldBeRead: the directory opens, but none of its files does: an
// archive without files is no backup.
func TestNothingCouldBeRead(t *testing.T) {
	v := borg.NoFiles(job.Verdict{Status: job.CompletedWithWarnings, ErrorMessage: "3 files could not be read: permission denied (3)"}, false)
	if v.Status != job.Failed || v.ErrorCode != job.CodeNoFiles || !strings.Contains(v.ErrorMessage, "permission denied") {
		t.Errorf("%+v", v)
	}
	v = borg.NoFiles(job.Verdict{Status: job.CompletedWithWarnings, Progress: job.Progress{NFiles: 1}}, false)
	if v.Status != job.CompletedWithWarnings {
		t.Errorf("others could be read: %+v", v)
	}
}
