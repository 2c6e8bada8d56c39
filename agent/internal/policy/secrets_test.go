package policy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"borgfleet/shared/job"
)

// guarded is a host with secrets everywhere, and links to them.
func guarded(t *testing.T) (dir string, c Config) {
	t.Helper()
	dir = realTempDir(t)
	for _, d := range []string{"etc", "state/borg/.config/borg/keys", "base/.config/borg/keys", "home/.config/borg/keys", "own/.config/borg/keys"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"link": ".", "etc/age": "../state/age.key", "pass": "etc/pass"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", filepath.Join(dir, "home"))
	c = Default()
	c.Allow.All = true
	c.BorgBaseDir = filepath.Join(dir, "base")
	c.SSH.IdentityFile = filepath.Join(dir, "etc/ssh")
	c.Repositories = []Repository{{Location: "/srv/**", PassphraseFile: filepath.Join(dir, "pass"), BorgBaseDir: filepath.Join(dir, "own")}}
	return dir, c
}

func realTempDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (p *Policy) leftBelow(t *testing.T, dir string, sources ...string) string {
	t.Helper()
	left, err := p.LeftOut(sources)
	if err != nil {
		t.Fatal(err)
	}
	var below []string
	for _, path := range left {
		if name, ok := strings.CutPrefix(path, dir+"/"); ok {
			below = append(below, name)
		}
	}
	return strings.Join(below, " ")
}

func TestLeftOut(t *testing.T) {
	dir, c := guarded(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	p, err := New(c, at("state"), "")
	if err != nil {
		t.Fatal(err)
	}
	const state = "state/age.key state/borg/.config/borg/keys state/credential.pem state/enrolling.key"
	const all = "base/.config/borg/keys etc/pass etc/ssh home/.config/borg/keys own/.config/borg/keys " + state
	for source, want := range map[string]string{
		"":                       all,
		"state":                  state,
		"etc/../state/.":         state,
		"state/jobs":             "",
		"etc":                    "etc/pass etc/ssh",
		"pass":                   "", // a link, which borg stores as one
		"link":                   "",
		"link/state":             "link/" + strings.ReplaceAll(state, " ", " link/"),
		"link/link/home/.config": "link/link/home/.config/borg/keys",
	} {
		if got := p.leftBelow(t, dir, at(source)); got != want {
			t.Errorf("%q leaves out\n%s, not\n%s", source, got, want)
		}
	}
	if got := p.leftBelow(t, dir, "/"); got != all {
		t.Errorf("/ leaves out %s", got)
	}
	if got := p.leftBelow(t, dir, at("state"), dir, at("etc")); got != all {
		t.Errorf("several leave out %s", got)
	}
	for source, want := range map[string]Rule{
		"state/age.key":                  RuleSecrets,
		"link/state/credential.pem":      RuleSecrets,
		"etc/pass":                       RuleSecrets,
		"home/.config/borg/keys":         RuleSecrets,
		"home/.config/borg/keys/web.key": RuleSecrets,
		"home/.config/borg/security":     "",
		"etc/age":                        "",
		"state":                          "",
	} {
		no := refusal(t, p.Check(order(job.Backup, "/srv/a", at(source))))
		if no.Rule != want || want != "" && no.Command != "borgfleet-agent allow --own-secrets --state-dir "+at("state") {
			t.Errorf("%s: %+v", source, no)
		}
	}
	c.Allow.OwnSecrets = true
	if p, err = New(c, at("state"), ""); err != nil {
		t.Fatal(err)
	}
	if got := p.leftBelow(t, dir, "/"); got != "" {
		t.Errorf("the owner gives them up, and left out is %s", got)
	}
	if err := p.Check(order(job.Backup, "/srv/a", at("state/age.key"))); err != nil {
		t.Error(err)
	}
}

// TestLeftOutBelowMounts: a part of a file system that is mounted once more shows
// the secrets under other names.
func TestLeftOutBelowMounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it takes root to mount")
	}
	if os.Getenv("TEST_MOUNTS") == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "TEST_MOUNTS=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	dir, c := guarded(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, b := range []struct{ from, to string }{
		{"state", "a b/whole"}, {"state/age.key", "a b/file"}, {"a b/whole/borg", "a b/again"}, {"etc", "elsewhere"},
	} {
		var err error
		if info, _ := os.Stat(at(b.from)); info != nil && info.IsDir() {
			err = os.MkdirAll(at(b.to), 0o700)
		} else {
			err = os.WriteFile(at(b.from), nil, 0o600)
			if err == nil {
				err = os.WriteFile(at(b.to), nil, 0o600)
			}
		}
		if err == nil {
			err = unix.Mount(at(b.from), at(b.to), "", unix.MS_BIND, "")
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(at(b.to), unix.MNT_DETACH) })
	}
	p, err := New(c, at("state"), "")
	if err != nil {
		t.Fatal(err)
	}
	left, err := p.LeftOut([]string{at("a b")})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"whole/age.key", "file", "again/.config/borg/keys", "whole/borg/.config/borg/keys", "whole/credential.pem"} {
		if !slices.Contains(left, at("a b/"+name)) {
			t.Errorf("%s is not left out: %v", name, left)
		}
	}
	if no := refusal(t, p.Check(order(job.Backup, "/srv/a", at("a b/file")))); no.Rule != RuleSecrets {
		t.Errorf("%+v", no)
	}
}
