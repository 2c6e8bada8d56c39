package doctor

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/policy"
	"borgfleet/shared/checkup"
	"borgfleet/shared/job"
)

func TestPermitted(t *testing.T) {
	h := enrolled(t, func(c *policy.Config) {
		c.Allow = policy.Allow{Repositories: []string{"/srv/**"}, Sources: []string{"/etc"}}
	})
	def := job.Repository{Name: "web", Path: "/srv/web", Sources: []string{"/etc"}}
	want(t, "well", h.on(t, def).permitted(t.Context()), ok, "from /etc", "")
	def.Path = "/mnt/web"
	want(t, "location", h.on(t, def).permitted(t.Context()), failed, "allow.repositories", "borgfleet-agent allow --repository /mnt/web --state-dir ")
	def.Path, def.Sources = "/srv/web", []string{"/home"}
	want(t, "source", h.on(t, def).permitted(t.Context()), failed, "allow.sources", "allow --source /home")
}

func TestSources(t *testing.T) {
	h := enrolled(t, nil)
	there := t.TempDir()
	for name, c := range map[string]struct {
		sources       []string
		state         checkup.State
		message, todo string
	}{
		"there":    {[]string{there}, ok, there, ""},
		"one gone": {[]string{there, there + "/x"}, warning, "/x: not there", "repositories update web --source"},
		"all gone": {[]string{there + "/x"}, failed, "/x: not there", "mount it"},
		"none":     {nil, failed, "nothing is named", "--source"},
	} {
		r := h.on(t, job.Repository{Name: "web", Path: "/srv/web", Sources: c.sources})
		want(t, name, r.sources(t.Context()), c.state, c.message, c.todo)
	}
	h.foreign = true
	want(t, "another account's", h.on(t, job.Repository{Path: "/r"}).sources(t.Context()), skipped, "as the account", "")
}

func TestPath(t *testing.T) {
	h := enrolled(t, nil)
	dir := t.TempDir()
	at := func(path string) checkup.Finding { return h.on(t, job.Repository{Path: path}).path(t.Context()) }
	want(t, "there", at(dir), ok, dir, "")
	want(t, "gone", at(dir+"/a/b"), failed, "there is no "+dir+"/a/b", "findmnt --target "+dir)
	must(t, os.WriteFile(dir+"/file", nil, 0o600))
	want(t, "a file", at(dir+"/file"), failed, "not a directory", "ls -l")
	r := h.on(t, job.Repository{Path: dir})
	want(t, "read-only", r.closedPath(dir, unix.EROFS), failed, "read-only", "remount,rw "+dir)
	want(t, "closed", r.closedPath(dir, unix.EACCES), failed, "may not read and write", "chown -R")
}

func TestSSH(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	key, known := filepath.Join(home, "id"), filepath.Join(home, "known")
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("openssh-client is not installed")
	}
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pub, err := os.ReadFile(key + ".pub")
	must(t, err)
	at := func(path string, ssh policy.SSH) checkup.Finding {
		return enrolled(t, func(c *policy.Config) { c.SSH = ssh }).on(t, job.Repository{Path: path}).ssh(t.Context())
	}
	const url = "ssh://bk@store.invalid:2222/r"
	conf := policy.SSH{IdentityFile: key, KnownHosts: known}
	want(t, "host key unknown", at(url, conf), warning, "-p 2222 bk@store.invalid is in none of", "ssh-keyscan -p 2222 store.invalid >> "+known)
	must(t, os.WriteFile(known, append([]byte("[store.invalid]:2222 "), pub...), 0o600))
	want(t, "well", at(url, conf), ok, "store.invalid", "")
	want(t, "another port", at("bk@store.invalid:r", conf), warning, "none of", "ssh-keyscan store.invalid >>")
	must(t, os.Chmod(key, 0o644))
	want(t, "identity open", at(url, conf), failed, "mode 0644", "chmod 600 "+key)
	must(t, os.Remove(key))
	want(t, "no identity", at(url, conf), failed, "no such file", "ssh-keygen -t ed25519 -N '' -f "+key)
	want(t, "no program", at(url, policy.SSH{Command: []string{"no-such-ssh"}}), failed, "no-such-ssh", "openssh-client")
	want(t, "its own", at(url, policy.SSH{Command: []string{"/bin/true"}}), ok, "/bin/true", "")
}

func TestPassphrase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pass")
	named := func(r policy.Repository) func(*policy.Config) {
		return func(c *policy.Config) { r.Location = "/srv/**"; c.Repositories = []policy.Repository{r} }
	}
	at := func(change func(*policy.Config), encryption string) checkup.Finding {
		return enrolled(t, change).on(t, job.Repository{Name: "web", Path: "/srv/web", Encryption: encryption}).passphrase(t.Context())
	}
	want(t, "none needed", at(nil, "none"), ok, "none is needed", "")
	want(t, "missing", at(nil, "repokey"), failed, "there is none", "repositories update web --passphrase-file FILE")
	want(t, "not known", at(nil, ""), skipped, "", "")
	want(t, "no file", at(named(policy.Repository{PassphraseFile: file}), "repokey"), failed, "no such file", "chmod 600 "+file)
	must(t, os.WriteFile(file, []byte("secret\n"), 0o600))
	want(t, "file", at(named(policy.Repository{PassphraseFile: file}), "repokey"), ok, "in the file "+file, "")
	must(t, os.Chmod(file, 0o640))
	want(t, "open", at(named(policy.Repository{PassphraseFile: file}), "repokey"), failed, "mode 0640", "chmod 600 "+file)
	f := at(named(policy.Repository{PassphraseCommand: []string{"/bin/sh", "-c", "echo secret; echo no secret >&2; exit 1"}}), "repokey")
	want(t, "command", f, failed, "it says: no ***", "by hand")
	if strings.Contains(f.Message+f.Todo, "secret") {
		t.Errorf("shows a secret: %+v", f)
	}
}

// TestOpens with real borg.
func TestOpens(t *testing.T) {
	dir := t.TempDir()
	repo, file := filepath.Join(dir, "repo"), filepath.Join(dir, "pass")
	must(t, os.WriteFile(file, []byte("correct horse"), 0o600))
	borgs := func(stdin io.Reader, args ...string) *exec.Cmd {
		cmd := exec.Command("borg", args...)
		cmd.Stdin = stdin
		cmd.Env = append(os.Environ(), "BORG_BASE_DIR="+filepath.Join(dir, "base"), "BORG_PASSPHRASE=correct horse")
		return cmd
	}
	if out, err := borgs(nil, "init", "-e", "repokey", repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	h := enrolled(t, func(c *policy.Config) {
		c.Repositories = []policy.Repository{{Location: repo, PassphraseFile: file}}
	})
	def := job.Repository{Name: "web", Path: repo, Encryption: "repokey", Sources: []string{"/etc"}}
	want(t, "empty", h.on(t, def).opens(t.Context()), ok, "no archive in it yet", "")

	in, hold := io.Pipe()
	writer := borgs(in, "create", repo+"::first", "-")
	must(t, writer.Start())
	locked := make(chan error, 1)
	go func() { _, err := hold.Write([]byte("x")); locked <- err }() // borg reads: it has the lock
	must(t, <-locked)
	for h.on(t, def).opens(t.Context()).State == ok { // it reads ahead of its lock
		if t.Context().Err() != nil {
			t.Fatal("never in use")
		}
	}
	want(t, "in use", h.on(t, def).opens(t.Context()), skipped, "in use", "borgfleet-agent borg web --state-dir "+h.o.State.Path()+" -- break-lock")
	must(t, hold.Close())
	must(t, writer.Wait())
	want(t, "one archive", h.on(t, def).opens(t.Context()), ok, "newest archive is first", "")

	must(t, os.WriteFile(file, []byte("wrong staple"), 0o600))
	f := h.on(t, def).opens(t.Context())
	want(t, "wrong passphrase", f, failed, "passphrase given for this repository is wrong", "into "+file)
	if strings.Contains(f.Message+f.Todo, "staple") {
		t.Errorf("shows a secret: %+v", f)
	}
	must(t, os.Remove(file))
	want(t, "no passphrase", h.on(t, def).opens(t.Context()), skipped, "passphrase comes first", "")
	def.Encryption = "none"
	must(t, os.RemoveAll(repo))
	want(t, "gone", h.on(t, def).opens(t.Context()), failed, repo, "mounted on this host")
	r := h.on(t, def)
	r.way = func() checkup.Finding { return checkup.Bad("", "") }
	want(t, "path", r.opens(t.Context()), skipped, "path comes first", "")
	r.tool = func() (borg.Tool, error) { return borg.Tool{}, context.Canceled }
	want(t, "no borg", r.opens(t.Context()), skipped, "without borg", "")
}

// TestClosed: whatever borg reports, something is said of what to do.
func TestClosed(t *testing.T) {
	h := enrolled(t, func(c *policy.Config) { c.SSH.IdentityFile, c.SSH.KnownHosts = "/id", "/kh" })
	r := h.on(t, job.Repository{Name: "web", Path: "ssh://bk@store:2222/r"})
	for code, todo := range map[string]string{
		borg.CodeHostKeyUnknown:  "ssh-keyscan -p 2222 store >> /kh",
		borg.CodeHostKeyChanged:  "ssh-keygen -R",
		borg.CodeSSHAuth:         "ssh-copy-id -i /id -p 2222 bk@store",
		borg.CodeRemoteBorg:      "on the server: apt-get install",
		borg.CodeRepoUnreachable: "ssh -v -i /id -p 2222 bk@store true",
		borg.CodeRepoNotFound:    "mounted on the server",
		borg.CodePathNotAllowed:  "--restrict-to-repository /r",
		borg.CodeRepoPermission:  "on the server the right",
		borg.CodeRepoCorrupt:     "borgfleet-agent borg web",
		borg.CodeRepoRelocated:   "-- info",
		borg.CodeTampered:        "another place",
		borg.CodePassphraseWrong: "repositories update web",
		borg.CodeBorgCrashed:     "-- list --last 1",
	} {
		want(t, code, r.judgeOpening(nil, &borg.Error{Code: code, Message: "why"}), failed, "", todo)
	}
}
