package jobproc

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/recovery"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
)

// pinned is a host whose owner has accepted a recovery key.
func (h *host) pinned(change func(*policy.Config)) *seal.Identity {
	h.t.Helper()
	key, err := seal.NewIdentity()
	must(h.t, err)
	h.configure(func(c *policy.Config) {
		c.Allow.RecoveryKey = key.Recipient()
		if change != nil {
			change(c)
		}
	})
	return key
}

// opened is what the recovery key gives of a verdict.
func (h *host) opened(key *seal.Identity, repo job.Repository, v job.Verdict) seal.Copy {
	h.t.Helper()
	if v.Recovery == nil {
		h.t.Fatalf("nothing was sealed: %+v", v)
	}
	c, err := seal.OpenCopy(key, h.id.AgentID, job.Location(repo.Path, h.id.AgentID), v.Recovery.Sealed)
	must(h.t, err)
	if v.Recovery.Recipient != key.Recipient() || v.Recovery.SealedAt.IsZero() || !v.Recovery.Key || v.Recovery.Passphrase != (len(c.Passphrase) > 0) {
		h.t.Errorf("it says of itself %+v", v.Recovery)
	}
	return c
}

// TestInitIsSealedForRecovery: what comes out opens the repository with other
// borg directories, in every mode with a key.
func TestInitIsSealedForRecovery(t *testing.T) {
	eachCase(t, []string{"repokey-blake2", "keyfile", "authenticated"}, func(h *host, mode string) {
		key := h.pinned(nil)
		repo := h.repo("a")
		repo.Encryption = mode
		d, v := h.run(h.spec(job.Init, repo))
		if v.Status != job.Completed {
			h.t.Fatalf("%+v", v)
		}
		c := h.opened(key, repo, v)
		if string(c.Passphrase) != passphrase || c.BorgID != v.BorgID || c.Path != repo.Path || c.Encryption != mode {
			h.t.Errorf("another copy: %v %s %s", c, c.BorgID, c.Encryption)
		}
		log := logText(h.log(d))
		if !strings.Contains(log, "Sealed to the recovery key "+key.Fingerprint()+": the repository's key and passphrase") || strings.Contains(log, "BORG_KEY") {
			h.t.Errorf("the log says\n%s", log)
		}
		// Another host: nothing of this one is there.
		file := h.path("key")
		h.write(file, string(c.Key))
		h.byHand("key", "import", repo.Path, file)
		elsewhere := []string{"HOME=" + h.path("home"), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes"} // as authenticated counts
		if out, err := h.borgWith(elsewhere, "list", repo.Path); err != nil {
			h.t.Errorf("%v\n%s", err, out)
		}
	})
}

// TestSealedAgainWhenSomethingChanges, and only then.
func TestSealedAgainWhenSomethingChanges(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.pinned(nil)
	h.files(1)
	repo := h.repo("a")
	sealed := func(what string, kind job.Kind, want bool) {
		t.Helper()
		_, v := h.run(h.spec(kind, repo))
		if !v.Status.Good() || (v.Recovery != nil) != want {
			t.Errorf("%s: sealed %v, %s %s", what, v.Recovery != nil, v.Status, v.ErrorMessage)
		}
		if v.BorgID != "" {
			repo.BorgID = v.BorgID
		}
	}
	sealed("a new repository", job.Init, true)
	sealed("a backup", job.Backup, false)
	sealed("a list", job.List, false)
	repo.PassphraseSealed = h.sealFor(h.id.AgentID, repo.Path)
	sealed("the passphrase set again", job.Backup, true)
	sealed("and once more", job.Backup, false)
	h.pinned(nil)
	sealed("another recovery key", job.List, true)

	memory := recovery.Memory{Dir: h.st.Recovery()}
	n, ok := memory.Noted(repo.ID)
	if !ok {
		t.Fatal("nothing was noted")
	}
	n.SealedAt = time.Now().Add(-recovery.Again)
	must(t, memory.Note(repo.ID, n))
	sealed("a day later", job.Backup, true)
	data, err := json.Marshal(n)
	if err != nil || strings.Contains(string(data), passphrase) {
		t.Errorf("the note tells the passphrase: %v", err)
	}
}

func TestNothingIsSealedWithoutTheOwner(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, accepted := range []string{"", policy.NoRecoveryKey} {
		h.configure(func(c *policy.Config) { c.Allow.RecoveryKey = accepted })
		repo := h.repo("r" + accepted)
		d, v := h.run(h.spec(job.Init, repo))
		if log := logText(h.log(d)); v.Status != job.Completed || v.Recovery != nil || strings.Contains(log, "recovery key") {
			t.Errorf("%q: %+v\n%s", accepted, v, log)
		}
	}
	h.pinned(nil)
	plain := h.repo("plain")
	plain.Encryption, plain.PassphraseSealed = "none", nil
	if _, v := h.run(h.spec(job.Init, plain)); v.Status != job.Completed || v.Recovery != nil {
		t.Errorf("without encryption: %+v", v)
	}
}

// TestTheHostsOwnPassphrase goes along only if the owner lets it; the key does.
func TestTheHostsOwnPassphrase(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write(h.path("pass"), passphrase+"\n")
	own := func(c *policy.Config) {
		c.SetRepository(policy.Repository{Location: h.path("repos") + "/**", PassphraseFile: h.path("pass")})
	}
	key := h.pinned(own)
	repo := h.repo("a")
	repo.PassphraseSealed = nil
	_, v := h.run(h.spec(job.Init, repo))
	if c := h.opened(key, repo, v); c.Passphrase != nil || len(c.Key) == 0 {
		t.Errorf("the host's own passphrase was sealed, and its owner had not said so")
	}
	key = h.pinned(func(c *policy.Config) { own(c); c.Allow.RecoveryPassphrases = true })
	_, v = h.run(h.spec(job.List, repo))
	if c := h.opened(key, repo, v); string(c.Passphrase) != passphrase {
		t.Errorf("the owner let it be sealed, and it was not")
	}
}

// TestNoKeyIsNoFailure: a key that cannot be exported is told, and the job is
// what it was.
func TestNoKeyIsNoFailure(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	dir := t.TempDir()
	script := "#!/bin/sh\nfor a; do [ \"$a\" = export ] && exit 2; done\nexec borg \"$@\"\n"
	must(t, os.WriteFile(filepath.Join(dir, "borg"), []byte(script), 0o755))
	h.tool = filepath.Join(dir, "borg")
	h.pinned(nil)
	d, v := h.run(h.spec(job.Init, h.repo("a")))
	if v.Status != job.Completed || v.Recovery != nil {
		t.Errorf("%+v", v)
	}
	if log := logText(h.log(d)); !strings.Contains(log, "could not be sealed to the recovery key; the next job tries again") {
		t.Errorf("the log says\n%s", log)
	}
	if _, noted := (recovery.Memory{Dir: h.st.Recovery()}).Noted(1); noted {
		t.Error("noted as sealed")
	}
}
