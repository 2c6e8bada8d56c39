package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const opened = `# ours
repositories: # how they are opened
  - location: ssh://bk@host/./web # the shop
    passphrase_file: /etc/borg/web.pass
  - passphrase_command: [/usr/bin/secret, get, borg] # keys in another order
    location: /srv/backups/*
    borg_base_dir: /var/lib/borg
  # the rest
  - location: /srv/**
`

func TestRepositoryAt(t *testing.T) {
	c, err := Parse([]byte(opened))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"ssh://bk@HOST:22/./web/": "/etc/borg/web.pass",
		"bk@host:web":             "/etc/borg/web.pass",
		"/srv/backups/x":          "/usr/bin/secret",
		"/srv/backups/x/y":        "",
		"/elsewhere":              "",
	} {
		r, err := c.RepositoryAt(path)
		got := r.PassphraseFile + strings.Join(r.PassphraseCommand[:min(1, len(r.PassphraseCommand))], "")
		if err != nil || got != want || r.HasPassphrase() != (want != "") {
			t.Errorf("%s: %+v, %v", path, r, err)
		}
	}
	if r, _ := c.RepositoryAt("/srv/backups/x"); r.BorgBaseDir != "/var/lib/borg" {
		t.Errorf("%+v", r)
	}
	if r, _ := c.RepositoryAt("/srv/backups/x/y"); r.Location != "/srv/**" {
		t.Errorf("%+v", r)
	}
}

// TestSetRepository keeps what the owner wrote around it.
func TestSetRepository(t *testing.T) {
	file := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(file, []byte(opened), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	c.SetRepository(Repository{Location: "/srv/new", PassphraseCommand: []string{"/bin/cat", "/a b"}})
	c.SetRepository(Repository{Location: "/srv/**", PassphraseFile: "/etc/rest"})
	if err := c.Save(file); err != nil {
		t.Fatal(err)
	}
	const want = `# ours
repositories: # how they are opened
  - location: /srv/new
    passphrase_command: [/bin/cat, /a b]
  - location: ssh://bk@host/./web # the shop
    passphrase_file: /etc/borg/web.pass
  - passphrase_command: [/usr/bin/secret, get, borg] # keys in another order
    location: /srv/backups/*
    borg_base_dir: /var/lib/borg
  # the rest
  - location: /srv/**
    passphrase_file: /etc/rest
`
	if got, _ := os.ReadFile(file); string(got) != want {
		t.Errorf("it became\n%s", got)
	}
}

func TestRepositoriesInvalid(t *testing.T) {
	for text, want := range map[string]string{
		"- passphrase_file: /x":                                                   "entry 1: location: it is missing",
		"- location: relative":                                                    "entry 1: location: repository pattern",
		"- location: /a\n- location: /b\n  passphrase_file: rel":                  `entry 2: passphrase_file: "rel" must be an absolute path`,
		"- location: /a\n  passphrase_command: [cat, /x]":                         `its first word, "cat", must be the absolute path`,
		"- location: /a\n  passphrase_command: cat /x":                            "a list of texts",
		"- location: /a\n  passphrase_command: [/bin/cat]\n  passphrase_file: /x": "are both given",
		"- location: /a\n  borg_base_dir: x":                                      "borg_base_dir",
		"- location: /a\n  passphrase: geheim":                                    `there is no key "passphrase"`,
		"- location: /a\n  passphrase_command: [\"\"]":                            "absolute path",
	} {
		_, err := Parse([]byte("repositories:\n" + text + "\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n  gives %v, not %q", text, err, want)
		}
	}
}
