package borg

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"borgfleet/shared/job"

	"golang.org/x/sys/unix"
)

const testPassphrase = `correct horse "battery" ünicode`

// realBorgs are the borg on PATH and those named in BORGFLEET_TEST_BORGS, a
// list of paths with colons between. They are asked for their version once.
var realBorgs = sync.OnceValues(func() ([]Tool, error) {
	names := []string{"borg"}
	if more := os.Getenv("BORGFLEET_TEST_BORGS"); more != "" {
		names = append(names, strings.Split(more, ":")...)
	}
	var tools []Tool
	seen := make(map[Version]bool)
	for _, name := range names {
		tool, err := Find(context.Background(), name)
		if err != nil {
			return nil, fmt.Errorf("these tests need borg: %w", err)
		}
		if !seen[tool.Version] {
			seen[tool.Version] = true
			tools = append(tools, tool)
		}
	}
	return tools, nil
})

// eachBorg runs a test with every borg there is, in parallel.
func eachBorg(t *testing.T, f func(t *testing.T, e *env)) {
	t.Parallel()
	tools, err := realBorgs()
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range tools {
		t.Run(tool.Version.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			f(t, &env{t: t, tool: tool, dir: dir,
				host: Host{AgentID: "agent", MachineID: "machine", BaseDir: filepath.Join(dir, "base"), Path: os.Getenv("PATH"), Home: dir},
				repo: job.Repository{Path: filepath.Join(dir, "repos/main"), Encryption: "repokey-blake2", LockWait: time.Second,
					Sources: []string{tree(t, map[string]int{"a": 100_000, "sub/b": 50_000})}},
			})
		})
	}
}

// env is one repository and one borg.
type env struct {
	t    *testing.T
	tool Tool
	dir  string
	host Host
	repo job.Repository
}

func (e *env) secret() []byte {
	if e.repo.Encryption == "none" {
		return nil
	}
	return []byte(testPassphrase)
}

// do runs a call to its end as the job process does.
func (e *env) do(kind job.Kind, inv Invocation, err error, secret []byte) job.Verdict {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
	stdout, stderr, exit := e.tool.Run(e.t.Context(), inv, secret)
	v := Classify(Outcome{Kind: kind, Exit: exit, ExitKnown: true, Stdout: stdout, Tracker: track(stderr), Version: e.tool.Version})
	e.t.Logf("%s: %s %s %q", inv.Args[len(inv.Args)-1], v.Status, v.ErrorCode, v.ErrorMessage)
	return v
}

func (e *env) init() job.Verdict {
	e.t.Helper()
	inv, err := Init(e.host, job.Spec{Repository: e.repo})
	return e.do(job.Init, inv, err, e.secret())
}

func (e *env) create(archive string) job.Verdict {
	e.t.Helper()
	inv, err := Create(e.host, job.Spec{Repository: e.repo}, archive)
	return e.do(job.Backup, inv, err, e.secret())
}

func (e *env) want(v job.Verdict, status job.Status, code string) {
	e.t.Helper()
	if v.Status != status || v.ErrorCode != code {
		e.t.Errorf("got %s, code %q (%q); want %s, code %q", v.Status, v.ErrorCode, v.ErrorMessage, status, code)
	}
}

func (e *env) lookup(archive string) (Archive, bool, error) {
	e.t.Helper()
	inv, err := ListArchive(e.host, e.repo, archive)
	if err != nil {
		e.t.Fatal(err)
	}
	a, _, found, err := ReadArchive(e.tool.Run(e.t.Context(), inv, e.secret()))
	return a, found, err
}

func TestRealBackup(t *testing.T) {
	eachBorg(t, func(t *testing.T, e *env) {
		v := e.create("early")
		e.want(v, job.Failed, CodeRepoNotFound)
		e.want(e.init(), job.Completed, "")
		e.want(e.init(), job.Failed, CodeRepoExists)

		// {} in a name must not become borg's own placeholder.
		v = e.create("first {hostname}")
		e.want(v, job.Completed, "")
		if v.ArchiveName != "first {hostname}" || v.Progress.NFiles != 2 || v.Progress.OriginalSize < 150_000 || v.Progress.Percent != 100 {
			t.Errorf("verdict %+v", v)
		}
		e.want(e.create("first {hostname}"), job.Failed, CodeArchiveExists)

		a, found, err := e.lookup(v.ArchiveName)
		if err != nil || !found || a.ID != v.ArchiveID || a.Name != v.ArchiveName || a.Stats == nil || a.Stats.NFiles != 2 {
			t.Errorf("lookup: %+v, %v, %v", a, found, err)
		}
		if d := time.Since(a.End); d < 0 || d > time.Hour {
			t.Errorf("archive's end %s is not read as UTC", a.End)
		}
		if _, found, err = e.lookup("first"); found || err != nil {
			t.Errorf("lookup of what is not there: %v, %v", found, err)
		}
		inv, err := List(e.host, e.repo)
		if err != nil {
			t.Fatal(err)
		}
		list, repo, err := ReadList(e.tool.Run(t.Context(), inv, e.secret()))
		if err != nil || len(list) != 1 || list[0].ID != v.ArchiveID || repo.BorgID != v.BorgID || list[0].Start.IsZero() {
			t.Errorf("list: %+v, %+v, %v", list, repo, err)
		}
		inv, err = RepoInfo(e.host, e.repo)
		e.want(e.do(job.List, inv, err, []byte("wrong")), job.Failed, CodePassphraseWrong)
		e.want(e.do(job.List, inv, err, nil), job.Failed, CodePassphraseAbsent)
		repo, err = ReadRepo(e.tool.Run(t.Context(), inv, append(e.secret(), '\n')))
		if err != nil || repo.BorgID != v.BorgID || repo.Encryption != "repokey-blake2" {
			t.Errorf("info: %+v, %v", repo, err)
		}
		// Where it cannot be known, the lookup says so.
		e.repo.Path += "-gone"
		if _, found, err = e.lookup("first"); found || CodeOf(err) != CodeRepoNotFound || err == nil {
			t.Errorf("lookup out of reach: %v, %v", found, err)
		}
	})
}

func TestRealWarnings(t *testing.T) {
	eachBorg(t, func(t *testing.T, e *env) {
		e.repo.Encryption = "none"
		e.want(e.init(), job.Completed, "")
		denied := filepath.Join(e.repo.Sources[0], "denied")
		if err := os.WriteFile(denied, nil, 0); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 {
			denied = "/proc/sys/vm/compact_memory" // closed to root, too
		}
		e.repo.Sources = append(e.repo.Sources, denied, "/no/such/source")
		v := e.create("warned")
		e.want(v, job.CompletedWithWarnings, "")
		if v.ErrorMessage != "2 files could not be read: permission denied (1), vanished (1)" || v.ArchiveID == "" {
			t.Errorf("%q, archive %q", v.ErrorMessage, v.ArchiveID)
		}
		e.repo.Sources = []string{"/no/such/source"}
		v = e.create("empty")
		e.want(v, job.CompletedWithWarnings, "")
		e.want(NoFiles(v, true), job.Failed, job.CodeNoFiles)
	})
}

func TestRealUnencryptedFirstUse(t *testing.T) {
	eachBorg(t, func(t *testing.T, e *env) {
		e.repo.Encryption = "none"
		e.want(e.init(), job.Completed, "")
		// Another host, which has not seen the repository.
		e.host.BaseDir = filepath.Join(e.dir, "other")
		e.repo.BorgID = "known to the controller"
		e.want(e.create("refused"), job.Failed, CodeRepoUntrusted)
		e.repo.BorgID = ""
		e.want(e.create("adopted"), job.Completed, "")
		e.repo.BorgID = "known"
		e.want(e.create("again"), job.Completed, "")
		// The same repository at another place.
		moved := e.repo.Path + "-moved"
		if err := os.Rename(e.repo.Path, moved); err != nil {
			t.Fatal(err)
		}
		e.repo.Path = moved
		e.want(e.create("moved"), job.Failed, CodeRepoRelocated)
	})
}

func TestRealPlaces(t *testing.T) {
	eachBorg(t, func(t *testing.T, e *env) {
		e.repo.Encryption = "none"
		e.repo.Path = e.repo.Sources[0]
		e.want(e.init(), job.Failed, CodeRepoPathTaken)
		e.repo.Path = filepath.Join(e.repo.Sources[0], "a")
		e.want(e.create("x"), job.Failed, CodeRepoInvalid)
	})
}

// start runs create and returns when borg has read something.
func (e *env) start(archive string) (*Process, *os.File, *LineSplitter) {
	e.t.Helper()
	// Borg needs many seconds for so many zeros, and the disk none.
	big := filepath.Join(e.repo.Sources[0], "big")
	if err := os.WriteFile(big, nil, 0o600); err != nil {
		e.t.Fatal(err)
	}
	if err := os.Truncate(big, 64<<30); err != nil {
		e.t.Fatal(err)
	}
	inv, err := Create(e.host, job.Spec{Repository: e.repo}, archive)
	if err != nil {
		e.t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { r.Close() })
	p, err := e.tool.Start(inv, Stdio{Stderr: w, Passphrase: e.secret()})
	w.Close()
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { p.killGroup(); p.Wait() })
	var s LineSplitter
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if err != nil {
			e.t.Fatalf("borg ended early: %v", err)
		}
		s.Write(buf[:n])
		for line, _, ok := s.Next(); ok; line, _, ok = s.Next() {
			if ev := ParseLine(line); ev.Kind == Progress && ev.Counters.OriginalSize > 0 {
				return p, r, &s
			}
		}
	}
}

func TestRealCancel(t *testing.T) {
	eachBorg(t, func(t *testing.T, e *env) {
		e.want(e.init(), job.Completed, "")
		p, r, s := e.start("cancelled")
		p.Terminate(job.CancelGrace, nil)
		var tr Tracker
		for buf := make([]byte, 64<<10); ; {
			n, err := r.Read(buf)
			s.Write(buf[:n])
			for line, _, ok := s.Next(); ok; line, _, ok = s.Next() {
				tr.Observe(ParseLine(line))
			}
			if err != nil {
				break
			}
		}
		v := Classify(Outcome{Kind: job.Backup, Exit: p.Wait(), ExitKnown: true, Cancelled: true, Tracker: &tr, Version: e.tool.Version})
		e.want(v, job.Cancelled, job.CodeCancelled)
		if !v.ProcessTerminated || v.ExitCode == nil || *v.ExitCode != 143 {
			t.Errorf("%+v", v)
		}
		// The lock is free again, and nothing was saved.
		if _, found, err := e.lookup("cancelled"); found || err != nil {
			t.Errorf("after the cancel: %v, %v", found, err)
		}
	})
}

func TestRealLocks(t *testing.T) {
	eachBorg(t, func(t *testing.T, e *env) {
		e.want(e.init(), job.Completed, "")
		p, _, _ := e.start("holder")
		_ = unix.Kill(p.PID(), unix.SIGSTOP) // it need not work to hold the lock
		e.want(e.create("waiter"), job.Failed, CodeRepoLocked)
		if _, found, err := e.lookup("holder"); found || CodeOf(err) != CodeRepoLocked || err == nil {
			t.Errorf("lookup while locked: %v, %v", found, err)
		}
		// After SIGKILL the lock is still there; borg sees that its holder,
		// with the same host id, is gone.
		_ = unix.Kill(p.PID(), unix.SIGKILL)
		if exit := p.Wait(); exit.Signal != unix.SIGKILL {
			t.Errorf("%+v", exit)
		}
		e.repo.Sources[0] = filepath.Join(e.repo.Sources[0], "sub")
		e.want(e.create("after"), job.Completed, "")
	})
}

func TestRealSSH(t *testing.T) {
	eachBorg(t, func(t *testing.T, e *env) {
		e.repo.Encryption = "none"
		local := e.repo.Path
		e.repo.Path = "ssh://backup@host.example:2222" + local
		// An ssh that runs the server's borg here: options, host, command.
		fake := func(body string) {
			e.host.SSH.Command = []string{"/bin/sh", "-c", body, "ssh"}
		}
		fake(fmt.Sprintf(`while case $1 in -p) shift;; -*) ;; *) false;; esac; do shift; done; shift 2; exec env BORG_BASE_DIR=%s %s "$@"`,
			shellQuote(filepath.Join(e.dir, "server")), shellQuote(e.tool.Path)))
		e.want(e.init(), job.Completed, "")
		e.want(e.create("remote"), job.Completed, "")
		if a, found, err := e.lookup("remote"); err != nil || !found || a.ID == "" {
			t.Errorf("lookup: %+v, %v, %v", a, found, err)
		}

		fake(`echo 'No ED25519 host key is known for [host.example]:2222 and you have requested strict checking.' >&2; echo 'Host key verification failed.' >&2; exit 255`)
		v := e.create("unknown")
		e.want(v, job.Failed, CodeHostKeyUnknown)
		if !strings.Contains(v.ErrorMessage, "ssh-keyscan -p 2222 host.example >>") {
			t.Error(v.ErrorMessage)
		}
		fake(`echo 'ssh: connect to host host.example port 2222: Connection refused' >&2; exit 255`)
		v = e.create("refused")
		e.want(v, job.Failed, CodeRepoUnreachable)
		if !strings.Contains(v.ErrorMessage, "Connection refused") {
			t.Error(v.ErrorMessage)
		}
		if _, found, err := e.lookup("remote"); found || CodeOf(err) != CodeRepoUnreachable || err == nil {
			t.Errorf("lookup out of reach: %v, %v", found, err)
		}
		fake(`echo 'sh: 1: borg: not found' >&2; exit 127`)
		e.want(e.create("no borg"), job.Failed, CodeRemoteBorg)
		e.repo.Path = "ssh://backup@host.example:2222" + local + "-none"
		e.host.SSH.Command = []string{"/no/such/ssh"}
		v = e.create("no ssh")
		e.want(v, job.Failed, CodeRepoUnreachable)
		if !strings.Contains(v.ErrorMessage, "/no/such/ssh: not found") {
			t.Error(v.ErrorMessage)
		}
	})
}

func TestRealFileLog(t *testing.T) {
	eachBorg(t, func(t *testing.T, e *env) {
		e.repo.Encryption, e.repo.FileLog = "none", job.FileLogAll
		e.repo.ExcludePatterns = []string{"sh:**/sub"}
		e.want(e.init(), job.Completed, "")
		odd := "odd\nError: name\xff"
		if err := os.WriteFile(filepath.Join(e.repo.Sources[0], odd), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		inv, err := Create(e.host, job.Spec{Repository: e.repo}, "listed")
		if err != nil {
			t.Fatal(err)
		}
		stdout, stderr, exit := e.tool.Run(t.Context(), inv, nil)
		if exit.Code != 0 {
			t.Fatalf("%+v: %s", exit, stderr)
		}
		var text strings.Builder
		for line := range strings.Lines(string(stderr)) {
			if _, s, keep := ParseLine([]byte(strings.TrimSuffix(line, "\n"))).Record(); keep {
				text.WriteString(s + "\n")
			}
		}
		for _, want := range []string{"A " + e.repo.Sources[0] + "/a\n", `odd\nError: name`, "d " + e.repo.Sources[0] + "\n"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%q is not in %s", want, text.String())
			}
		}
		s, err := ParseSummary(stdout)
		if err != nil || len(s.Archives) != 1 || s.Archives[0].Stats.NFiles != 2 {
			t.Errorf("%+v, %v", s, err)
		}
		total, complete := Scan(t.Context(), e.repo.Sources, ScanOptions{Excludes: e.repo.ExcludePatterns})
		if c, _ := track(stderr).Counters(); !complete || total != 100_001 || c.OriginalSize > total {
			t.Errorf("scan: %d, %v; borg's progress: %+v", total, complete, c)
		}
		compareScan(t, e)
	})
}

// compareScan compares with borg's own dry run, file by file.
func compareScan(t *testing.T, e *env) {
	t.Helper()
	files := make(map[string]int)
	bit := 1
	for _, name := range []string{"a.tmp", "b", "c/a.tmp", "c/d/x", "c/d/y[1]", "log/x/1", "log/x/y/2", "node_modules/m", "c/node_modules/m", ".cache/z"} {
		files[name] = bit
		bit *= 2
	}
	root := tree(t, files)
	for _, patterns := range [][]string{
		{"*.tmp", "sh:**/node_modules", "sh:" + root + "/*/d", root + "/log/*"}, {"sh:" + root + "/log/*/", root + "/.cache/", root + "/c/"},
		{"pp:" + root + "/c/d", "pf:" + root + "/b", "*/x"}, {"sh:**/[x-z]", "fm:*/[!c]"},
	} {
		repo := e.repo
		repo.Sources, repo.ExcludePatterns = []string{root}, patterns
		inv, err := Create(e.host, job.Spec{Repository: repo}, "x")
		if err != nil {
			t.Fatal(err)
		}
		var args []string
		for _, a := range inv.Args {
			if a == "--json" {
				args = append(args, "--dry-run", "--list")
				continue
			}
			args = append(args, a)
		}
		inv.Args = args
		_, stderr, exit := e.tool.Run(t.Context(), inv, nil)
		if exit.Code != 0 {
			t.Fatalf("%+v: %s", exit, stderr)
		}
		var want int64
		for line := range strings.Lines(string(stderr)) {
			ev := ParseLine([]byte(strings.TrimSuffix(line, "\n")))
			if ev.Kind == FileStatus && ev.Status != "x" {
				if rel, err := filepath.Rel(root, ev.Path); err == nil {
					want += int64(files[rel])
				}
			}
		}
		got, complete := Scan(t.Context(), repo.Sources, ScanOptions{Excludes: patterns})
		if !complete || got != want {
			t.Errorf("%q: scan %d, %v; borg %d", patterns, got, complete, want)
		}
	}
}
