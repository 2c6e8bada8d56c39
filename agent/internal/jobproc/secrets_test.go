package jobproc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
)

// TestOwnSecretsAreLeftOut: whoever orders a backup, and chooses its passphrase,
// does not get the agent's keys with it, by no spelling of a source.
func TestOwnSecretsAreLeftOut(t *testing.T) {
	eachBorg(t, func(h *host) {
		t := h.t
		h.write(h.st.Credential(), "secret")
		h.write(h.path("passphrase"), "secret")
		h.file("src/file", "x")
		must(t, os.Symlink(".", h.path("link")))
		must(t, os.MkdirAll(filepath.Join(h.st.BorgBase(), ".config/borg/keys"), 0o700))
		h.write(filepath.Join(h.st.BorgBase(), ".config/borg/keys/other"), "secret")
		entry := policy.Repository{Location: "/elsewhere/**", PassphraseFile: h.path("passphrase")}
		h.configure(func(c *policy.Config) { c.Allow.All = true; c.SetRepository(entry) })
		secrets := []string{"passphrase", "state/age.key", "state/borg/.config/borg/keys/other", "state/credential.pem"}

		repo := h.repo("a")
		repo.Encryption, repo.PassphraseSealed = "none", nil
		_, v := h.run(h.spec(job.Init, repo))
		expect(t, h, v, job.Completed, "", "")
		repo.Sources = []string{h.root, h.path("link/state")}
		repo.ExcludePatterns = []string{"sh:**/jobs", "pf:" + h.path("state/agent.yaml") + "x"}
		d, v := h.run(h.spec(job.Backup, repo))
		if !v.Status.Good() {
			t.Fatalf("%+v\n%s", v, logText(h.log(d)))
		}
		there := h.inArchive(repo, v.ArchiveName)
		for _, name := range []string{"state/agent.yaml", "state/identity.json", "link/state/identity.json", "src/file"} {
			if !there[name] {
				t.Errorf("%s is not in the archive", name)
			}
		}
		log := logText(h.log(d))
		for _, name := range secrets {
			if there[name] || there["link/"+name] {
				t.Errorf("%s is in the archive", name)
			}
			if !strings.Contains(log, h.path(strings.TrimSuffix(name, "/other"))) {
				t.Errorf("the log does not name %s", name)
			}
		}
		if strings.Contains(log, "enrolling") {
			t.Error("it names what is not there", log)
		}

		h.configure(func(c *policy.Config) { c.Allow.All, c.Allow.OwnSecrets = true, true; c.SetRepository(entry) })
		d, v = h.run(h.spec(job.Backup, repo))
		if !v.Status.Good() || strings.Contains(logText(h.log(d)), "own_secrets") {
			t.Fatalf("%+v\n%s", v, logText(h.log(d)))
		}
		there = h.inArchive(repo, v.ArchiveName)
		for _, name := range secrets {
			if !there[name] {
				t.Errorf("the owner wants %s, and it is not in the archive", name)
			}
		}
	})
}

// inArchive are the paths in an archive, below the host's root.
func (h *host) inArchive(repo job.Repository, archive string) map[string]bool {
	h.t.Helper()
	there := map[string]bool{}
	for line := range strings.Lines(string(h.borg("list", "--short", repo.Path+"::"+archive))) {
		there[strings.TrimPrefix(strings.TrimSuffix(line, "\n"), in(h.root)+"/")] = true
	}
	return there
}
