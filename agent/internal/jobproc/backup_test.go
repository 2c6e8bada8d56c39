package jobproc

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
)

func TestBackup(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.files(30)
	d, v := h.run(h.spec(job.Backup, repo))
	if v.Status != job.Completed || v.ErrorMessage != "" || *v.ExitCode != 0 {
		t.Fatalf("verdict %+v\n%s", v, logText(h.log(d)))
	}
	if v.Progress.NFiles != 30 || v.Progress.Percent != 100 || v.ArchiveID == "" || v.BorgID == "" {
		t.Errorf("figures %+v", v)
	}
	if got := h.archives(repo); len(got) != 1 || got[0] != v.ArchiveName {
		t.Errorf("archives %v, verdict says %s", got, v.ArchiveName)
	}
	log := logText(h.log(d))
	for _, want := range []string{"Starting backup of " + h.path("src"), "Backup finished: 30 files"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	reg, err := d.Register()
	must(t, err)
	if reg.Phase != job.PhaseStarted || reg.Verdict == nil || reg.StartedAt.IsZero() {
		t.Errorf("register %+v", reg)
	}
}

// TestAnotherMachine: a clone of a host must not start what the original may
// be doing already, and says so; it may still look up what was begun.
func TestAnotherMachine(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.files(1)
	d := h.order(h.spec(job.Backup, h.inited("a")))
	v := h.finish(d, envHost+"=m2")
	expect(t, h, v, job.Failed, job.CodeMachineChanged, "enroll --moved")
	if s, _ := d.Started(); s != nil {
		t.Error("borg was executed")
	}
	begun := h.repo("a")
	v = h.finish(h.interrupted(begun), envHost+"=m2")
	expect(t, h, v, job.Failed, job.CodeInterrupted, "no archive")
}

// expect is what a test wants of a verdict.
func expect(t testing.TB, h *host, v job.Verdict, status job.Status, code, words string) {
	t.Helper()
	if v.Status != status || v.ErrorCode != code || !strings.Contains(v.ErrorMessage, words) {
		t.Errorf("verdict is %s %q %q, not %s %q %q", v.Status, v.ErrorCode, v.ErrorMessage, status, code, words)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.files(3)
	repo.Sources = append(repo.Sources, h.path("not-there"))
	d, v := h.run(h.spec(job.Backup, repo))
	expect(t, h, v, job.CompletedWithWarnings, "", "")
	if v.ErrorMessage != "source "+h.path("not-there")+" is not there" || v.ArchiveID == "" {
		t.Errorf("verdict %+v", v)
	}
	if log := logText(h.log(d)); !strings.Contains(log, "not-there") {
		t.Errorf("the log does not name the missing source:\n%s", log)
	}
}

func TestReasonsNotToRun(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		order      func(h *host, s *job.Spec)
		code, says string
	}{
		"deadline":             {func(h *host, s *job.Spec) { s.StartDeadline = time.Now().Add(-time.Second) }, job.CodeDeadline, "deadline"},
		"refused":              {func(h *host, s *job.Spec) { h.configure(func(c *policy.Config) { c.Allow.Repositories = nil }) }, job.CodePolicy, "allow"},
		"sources missing":      {func(h *host, s *job.Spec) { s.Repository.Sources = []string{h.path("x"), h.path("y")} }, job.CodeSourcesMissing, "/x, "},
		"another agent's seal": {func(h *host, s *job.Spec) { s.Repository.PassphraseSealed = h.sealFor("other", s.Repository.Path) }, job.CodePassphrase, "agent"},
		"another location's":   {func(h *host, s *job.Spec) { s.Repository.PassphraseSealed = h.sealFor(h.id.AgentID, "/elsewhere") }, job.CodePassphrase, ""},
		"age key lost":         {func(h *host, s *job.Spec) { os.Remove(h.st.AgeKey()) }, job.CodePassphrase, ""},
		"no borg":              {func(h *host, s *job.Spec) { h.configure(func(c *policy.Config) { c.Borg = "/nowhere/borg" }) }, job.CodeBorgMissing, "/nowhere/borg"},
		"broken agent.yaml":    {func(h *host, s *job.Spec) { h.write(h.st.Config(), "alow: {}\n") }, job.CodePolicy, "alow"},
		"option as source":     {func(h *host, s *job.Spec) { s.Repository.Compression = "--rsh=evil" }, job.CodePolicy, "--rsh=evil"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.files(1)
			spec := h.spec(job.Backup, h.repo("a"))
			c.order(h, &spec)
			d, v := h.run(spec)
			if v.Status != job.Failed || c.code != "" && v.ErrorCode != c.code || !strings.Contains(v.ErrorMessage, c.says) {
				t.Errorf("verdict %+v", v)
			}
			if s, _ := d.Started(); s != nil || v.ExitCode != nil {
				t.Error("borg was executed")
			}
			if log := logText(h.log(d)); !strings.Contains(log, v.ErrorMessage) {
				t.Errorf("the log does not say why:\n%s", log)
			}
		})
	}
}

func TestBorgsErrors(t *testing.T) {
	t.Parallel()
	t.Run("wrong passphrase", func(t *testing.T) {
		t.Parallel()
		h := newHost(t)
		repo := h.inited("a")
		h.files(1)
		sealed, err := seal.Seal(h.key.Recipient(), h.id.AgentID, job.Location(repo.Path, h.id.AgentID), []byte("wrong one"))
		must(t, err)
		repo.PassphraseSealed = sealed
		_, v := h.run(h.spec(job.Backup, repo))
		expect(t, h, v, job.Failed, borg.CodePassphraseWrong, "")
	})
	t.Run("no repository", func(t *testing.T) {
		t.Parallel()
		h := newHost(t)
		h.files(1)
		_, v := h.run(h.spec(job.Backup, h.repo("a")))
		expect(t, h, v, job.Failed, borg.CodeRepoNotFound, "")
	})
	t.Run("sources empty now", func(t *testing.T) {
		t.Parallel()
		h := newHost(t)
		repo := h.inited("a")
		h.files(2)
		if _, v := h.run(h.spec(job.Backup, repo)); v.Status != job.Completed {
			t.Fatalf("first backup: %+v", v)
		}
		must(t, os.RemoveAll(h.path("src")))
		must(t, os.Mkdir(h.path("src"), 0o755))
		_, v := h.run(h.spec(job.Backup, repo))
		expect(t, h, v, job.Failed, job.CodeNoFiles, "earlier")
	})
	t.Run("empty from the start", func(t *testing.T) {
		t.Parallel()
		h := newHost(t)
		repo := h.inited("a")
		must(t, os.Mkdir(h.path("src"), 0o755))
		_, v := h.run(h.spec(job.Backup, repo))
		expect(t, h, v, job.Completed, "", "")
	})
}

// TestStrangeNames: borg 1.x prints names that are not UTF-8 with question
// marks; what it prints must arrive, one line a file.
func TestStrangeNames(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	repo.FileLog = job.FileLogAll
	for _, name := range []string{"src/bad\xff\xfename", "src/new\nline", "src/esc\x1b[31m", "src/ümlaut", "src/" + strings.Repeat("x", 250)} {
		h.file(name, "x")
	}
	d, v := h.run(h.spec(job.Backup, repo))
	if v.Status != job.Completed || v.Progress.NFiles != 5 {
		t.Fatalf("verdict %+v", v)
	}
	files := 0
	for _, r := range h.log(d) {
		if strings.HasPrefix(r.Text, "A ") {
			files++
		}
		if strings.ContainsRune(r.Text, 0x1b) {
			t.Errorf("an escape sequence is in the log: %q", r.Text)
		}
	}
	if files != 5 {
		t.Errorf("%d files in the log:\n%s", files, logText(h.log(d)))
	}
}

// TestSecretIsMasked: a file that is called like the passphrase, also when
// another job process has to read borg's lines.
func TestSecretIsMasked(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{"": nil, "adopted": {envDieAt + "=" + PointExecuted}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			repo := h.inited("a")
			repo.FileLog = job.FileLogAll
			h.file("src/"+passphrase, "x")
			d := h.order(h.spec(job.Backup, repo))
			hold, err := d.HoldPipes()
			must(t, err)
			defer hold.Close()
			v := h.finish(d, env...)
			if !v.Status.Good() {
				t.Fatalf("verdict %+v", v)
			}
			if log := logText(h.log(d)); strings.Contains(log, passphrase) || !strings.Contains(log, "***") {
				t.Errorf("the log:\n%s", log)
			}
			out, err := exec.Command("grep", "-rla", passphrase, d.Path()).CombinedOutput()
			if err == nil {
				t.Errorf("the passphrase is in %s", out)
			}
		})
	}
}

func TestPreviousTotals(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.files(20)
	_, first := h.run(h.spec(job.Backup, repo))
	_, second := h.run(h.spec(job.Backup, repo))
	if first.Status != job.Completed || second.Status != job.Completed {
		t.Fatalf("verdicts %+v %+v", first, second)
	}
	if src := second.Progress.TotalSource; src == job.TotalNone {
		t.Errorf("the second run knows no total: %+v", second.Progress)
	}
}

func TestInit(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.repo("deep/new")
	d, v := h.run(h.spec(job.Init, repo))
	if v.Status != job.Completed || v.BorgID == "" || v.AlreadyExisted {
		t.Fatalf("verdict %+v\n%s", v, logText(h.log(d)))
	}
	_, again := h.run(h.spec(job.Init, repo))
	if again.Status != job.Completed || again.BorgID != v.BorgID || !again.AlreadyExisted {
		t.Errorf("second init: %+v", again)
	}
	repo.Encryption = "repokey"
	_, other := h.run(h.spec(job.Init, repo))
	if other.Status != job.Failed || !other.AlreadyExisted || !strings.Contains(other.ErrorMessage, "repokey-blake2") {
		t.Errorf("init with another mode: %+v", other)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.files(1)
	_, b := h.run(h.spec(job.Backup, repo))
	d, v := h.run(h.spec(job.List, repo))
	if v.Status != job.Completed || v.BorgID == "" {
		t.Fatalf("verdict %+v", v)
	}
	if log := logText(h.log(d)); !strings.Contains(log, b.ArchiveName) || !strings.Contains(log, b.ArchiveID) {
		t.Errorf("the log lacks the archive:\n%s", log)
	}
}

// TestVerdictEndsEverything: a second job process for a finished job does
// nothing, and a key is never used twice.
func TestVerdictEndsEverything(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.files(1)
	d, v := h.run(h.spec(job.Backup, repo))
	cmd := h.spawn(d)
	must(t, cmd.Wait())
	if again := h.verdict(d); again.EndedAt != v.EndedAt {
		t.Error("the verdict was replaced")
	}
	if _, err := jobdir.Create(h.st.Jobs(), d.Key(), d.Spec(), job.PhaseAccepted); !errors.Is(err, jobdir.ErrExists) {
		t.Errorf("second directory for a key: %v", err)
	}
	if n := len(h.archives(repo)); n != 1 {
		t.Errorf("%d archives", n)
	}
}
