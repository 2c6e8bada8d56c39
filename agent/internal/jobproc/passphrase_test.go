package jobproc

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
)

// TestTheHostsPassphrase wins over what the controller has.
func TestTheHostsPassphrase(t *testing.T) {
	cases := map[string]struct {
		entry      func(h *host) policy.Repository
		code, says string
	}{
		"file": {func(h *host) policy.Repository {
			return policy.Repository{PassphraseFile: h.secretFile(passphrase+"\n", 0o600)}
		}, "", ""},
		"open file": {func(h *host) policy.Repository {
			return policy.Repository{PassphraseFile: h.secretFile(passphrase, 0o644)}
		}, job.CodePassphrase, "chmod 600"},
		"wrong file": {func(h *host) policy.Repository {
			return policy.Repository{PassphraseFile: h.secretFile("wrong", 0o600)}
		}, borg.CodePassphraseWrong, ""},
		"command": {func(h *host) policy.Repository {
			return policy.Repository{PassphraseCommand: []string{"/bin/sh", "-c", "echo it is " + passphrase + " >&2; echo " + passphrase}}
		}, "", ""},
		"failing command": {func(h *host) policy.Repository {
			return policy.Repository{PassphraseCommand: []string{"/bin/sh", "-c", "echo the token is hvs.123 >&2; exit 1"}}
		}, job.CodePassphrase, "exit status 1"},
	}
	eachCase(t, slices.Sorted(maps.Keys(cases)), func(h *host, name string) {
		c := cases[name]
		repo := h.inited("a")
		repo.PassphraseSealed = h.sealFor(h.id.AgentID, "/elsewhere") // cannot be opened, and is not asked
		h.configure(func(c2 *policy.Config) {
			e := c.entry(h)
			e.Location = h.path("repos") + "/*"
			c2.SetRepository(e)
		})
		d, v := h.list(repo)
		log := logText(h.log(d))
		if c.code != "" {
			expect(h.t, h, v, job.Failed, c.code, c.says)
		} else if v.Status != job.Completed {
			h.t.Errorf("%+v", v)
		}
		if text := log + v.ErrorMessage; strings.Contains(text, passphrase) || strings.Contains(text, "hvs") || strings.Contains(text, "it is") {
			h.t.Errorf("the log shows what may be secret:\n%s", log)
		}
		if strings.Contains(name, "command") != strings.Contains(log, "wrote 1 line to stderr") {
			h.t.Errorf("the log does not say that the command said something:\n%s", log)
		}
	})
}

// TestLinkMovesDuringTheCommand: the policy is asked again when the passphrase is
// there, which may have taken a minute.
func TestLinkMovesDuringTheCommand(t *testing.T) {
	h := newHost(t)
	repo := h.inited("a")
	must(t, os.MkdirAll(h.path("inside"), 0o700))
	must(t, os.MkdirAll(h.path("outside"), 0o700))
	must(t, os.Symlink(h.path("inside"), h.path("way")))
	repo.Sources = []string{h.path("way") + "/."}
	h.configure(func(c *policy.Config) {
		must(t, c.Allow.AddSource(h.path("inside")))
		c.SetRepository(policy.Repository{
			Location:          h.path("repos") + "/*",
			PassphraseCommand: []string{"/bin/sh", "-c", "ln -sfn " + h.path("outside") + " " + h.path("way") + "; echo " + passphrase},
		})
	})
	_, v := h.run(h.spec(job.Backup, repo))
	expect(t, h, v, job.Failed, job.CodePolicy, h.path("outside"))
}

func (h *host) secretFile(text string, mode os.FileMode) string {
	h.t.Helper()
	path := h.path("pass")
	must(h.t, os.WriteFile(path, []byte(text), 0o600))
	must(h.t, os.Chmod(path, mode))
	return path
}

// TestCancelWhileThePassphraseIsAwaited: nobody waits for the command's end.
func TestCancelWhileThePassphraseIsAwaited(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.configure(func(c *policy.Config) {
		c.SetRepository(policy.Repository{Location: repo.Path, PassphraseCommand: []string{"/bin/sh", "-c", "touch " + h.path("asked") + "; sleep 1000"}})
	})
	d := h.order(h.spec(job.List, repo))
	cmd := h.spawn(d)
	await(t, "the command", func() bool { _, err := os.Stat(h.path("asked")); return err == nil })
	must(t, d.SetDesired(jobdir.Cancel))
	cmd.Wait()
	expect(t, h, h.verdict(d), job.Cancelled, job.CodeCancelled, "before borg")
}
