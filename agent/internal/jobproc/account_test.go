package jobproc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
)

// usedByHand is a repository that the account backs up to without the fleet.
func (h *host) usedByHand(name, encryption string) job.Repository {
	h.t.Helper()
	repo := h.repo(name)
	repo.Encryption = encryption
	if encryption == "none" {
		repo.PassphraseSealed = nil
	}
	must(h.t, os.MkdirAll(h.path("home"), 0o700))
	must(h.t, os.MkdirAll(filepath.Dir(repo.Path), 0o700))
	h.byHand("init", "-e", encryption, repo.Path)
	h.env = append(h.env, "HOME="+h.path("home"))
	return repo
}

// TestInitFindsAnAccountsRepository: keys and caches stay where they are.
func TestInitFindsAnAccountsRepository(t *testing.T) {
	eachCase(t, []string{"keyfile", "repokey-blake2", "none"}, func(h *host, mode string) {
		repo := h.usedByHand("a", mode)
		_, v := h.run(h.spec(job.Init, repo))
		if v.Status != job.Completed || !v.AlreadyExisted || !v.AccountDirs || v.Encryption != mode || v.LastModified.IsZero() || v.BorgID == "" {
			h.t.Errorf("verdict %+v", v)
		}
	})
}

// TestInitFindsAStrangersRepository: what the account does not know is used
// with the agent's own directories, and the account's are left alone.
func TestInitFindsAStrangersRepository(t *testing.T) {
	eachCase(t, []string{"repokey-blake2", "none"}, func(h *host, mode string) {
		repo := h.usedByHand("a", mode)
		must(h.t, os.RemoveAll(h.path("home")))
		_, v := h.run(h.spec(job.Init, repo))
		if v.Status != job.Completed || !v.AlreadyExisted || v.AccountDirs || v.Encryption != mode {
			h.t.Errorf("verdict %+v", v)
		}
		if _, err := os.Stat(h.path("home")); err == nil {
			h.t.Error("something was written to the account's directories")
		}
	})
}

// TestInitFindsAKeyAlone: a key file that borg has not used here yet counts.
func TestInitFindsAKeyAlone(t *testing.T) {
	eachBorg(t, func(h *host) {
		repo := h.usedByHand("a", "keyfile")
		must(h.t, os.RemoveAll(h.path("home/.config/borg/security")))
		_, v := h.run(h.spec(job.Init, repo))
		if v.Status != job.Completed || !v.AccountDirs {
			h.t.Errorf("verdict %+v", v)
		}
		must(h.t, os.RemoveAll(h.path("home")))
		_, v = h.run(h.spec(job.Init, repo))
		expect(t, h, v, job.Failed, borg.CodeKeyProblem, "already at")
	})
}

// TestInitFindsARepositoryAndDies: a repository that was there is not taken for a
// new one because the job process that met it is gone, and is looked for where
// its keys are.
func TestInitFindsARepositoryAndDies(t *testing.T) {
	for _, mode := range []string{"keyfile", "repokey-blake2"} {
		for _, at := range []string{PointStarted, PointExecuted, PointExited} {
			t.Run(mode+" "+at, func(t *testing.T) {
				t.Parallel()
				h := newHost(t)
				repo := h.usedByHand("a", mode)
				v := h.finish(h.order(h.spec(job.Init, repo)), envDieAt+"="+at)
				if !v.Status.Good() || !v.AlreadyExisted || !v.AccountDirs || v.BorgID == "" {
					t.Errorf("verdict %+v", v)
				}
			})
		}
	}
}

// TestInitMeetsAStrangerAndDies: no key of this host opens the repository, and
// none ever will.
func TestInitMeetsAStrangerAndDies(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.usedByHand("a", "keyfile")
	must(t, os.RemoveAll(h.path("home")))
	v := h.finish(h.order(h.spec(job.Init, repo)), envDieAt+"="+PointExecuted)
	expect(t, h, v, job.Failed, borg.CodeKeyProblem, "already at")
	if !v.AlreadyExisted {
		t.Errorf("verdict %+v", v)
	}
}

// TestAccountDirectories: an adopted repository goes on with the account's key,
// files cache and memory.
func TestAccountDirectories(t *testing.T) {
	eachBorg(t, func(h *host) {
		repo := h.usedByHand("a", "keyfile")
		repo.AccountDirs, repo.Adopted, repo.FileLog = true, true, job.FileLogChanged
		h.files(20)
		// A files cache leaves out what is as new as the newest file.
		h.file("src/newest", "x")
		h.byHand("create", repo.Path+"::by-hand", h.path("src"))
		d, v := h.list(repo)
		if got := h.listed(d); v.Status != job.Completed || v.Encryption != "keyfile" || len(got) != 1 || got[0].Name != "by-hand" {
			h.t.Fatalf("verdict %+v, archives %+v", v, got)
		}
		d, v = h.run(h.spec(job.Backup, repo))
		if v.Status != job.Completed || v.Progress.NFiles != 21 || v.Encryption != "keyfile" || v.LastModified.IsZero() {
			h.t.Fatalf("verdict %+v\n%s", v, logText(h.log(d)))
		}
		if log := logText(h.log(d)); strings.Contains(log, "file00003") {
			h.t.Errorf("unchanged files are read again:\n%s", log)
		}
		if entries, err := os.ReadDir(h.st.BorgBase()); err != nil || len(entries) > 0 {
			h.t.Errorf("the agent's own borg directories hold %v, %v", entries, err)
		}
	})
}

// TestBorgBaseDirWins over the account's directories, the entry over the key.
func TestBorgBaseDirWins(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(h *host, c *policy.Config){
		"for all": func(h *host, c *policy.Config) { c.BorgBaseDir = h.path("home") },
		"for this": func(h *host, c *policy.Config) {
			c.BorgBaseDir = "/nowhere"
			c.SetRepository(policy.Repository{Location: h.path("repos") + "/*", BorgBaseDir: h.path("home")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			repo := h.usedByHand("a", "keyfile")
			h.configure(func(c *policy.Config) { set(h, c) })
			for _, account := range []bool{false, true} {
				repo.AccountDirs = account
				d := h.order(h.spec(job.List, repo))
				if v := h.finish(d, "HOME=/nowhere"); v.Status != job.Completed {
					t.Errorf("account's directories %v: %+v", account, v)
				}
			}
		})
	}
}
