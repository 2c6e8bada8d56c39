package policy

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const sample = `# how this host is backed up
controller_url: https://backup.example.org:5443
borg: /usr/bin/borg
ssh:
  command: [ssh, -4]
  identity_file: /etc/borgfleet/id_ed25519
  known_hosts: /etc/borgfleet/known_hosts
borg_base_dir: /var/lib/borg
max_parallel: 2
limits: {nice: 10, ionice: idle, upload_ratelimit: 2000}
hooks: {directory: /opt/hooks, time_limit: 90m}
allow:
  repositories:
    - /srv/backups/**
    - ssh://bk@backup.example.org/./web-*
  sources: [/etc, /home]
  destinations: [/srv/restore]
  maintenance: true
  hooks: [pg-dump, "mount-*"]
  all: false
`

func TestParse(t *testing.T) {
	got, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		ControllerURL: "https://backup.example.org:5443",
		Borg:          "/usr/bin/borg",
		SSH:           SSH{Command: []string{"ssh", "-4"}, IdentityFile: "/etc/borgfleet/id_ed25519", KnownHosts: "/etc/borgfleet/known_hosts"},
		BorgBaseDir:   "/var/lib/borg",
		MaxParallel:   2,
		Limits:        Limits{Nice: 10, IONice: "idle", UploadRateLimit: 2000},
		Hooks:         Hooks{Directory: "/opt/hooks", TimeLimit: 90 * time.Minute},
		Allow: Allow{
			Repositories: []string{"/srv/backups/**", "ssh://bk@backup.example.org/./web-*"},
			Sources:      []string{"/etc", "/home"},
			Destinations: []string{"/srv/restore"},
			Maintenance:  true,
			Hooks:        []string{"pg-dump", "mount-*"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

func TestParseEmpty(t *testing.T) {
	for _, text := range []string{"", "\n# nothing\n", "---\n", "allow:\n", "{}\n"} {
		got, err := Parse([]byte(text))
		if err != nil || !reflect.DeepEqual(got, Default()) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestParseInvalid(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"allow:\n  repository: [/srv]\n", `line 2: there is no key "repository"`},
		{"borg: borg\nalow: {}\n", `line 2: there is no key "alow"`},
		{"ssh: {comand: [ssh]}\n", `line 1: there is no key "comand"`},
		{"borg: a\nborg: b\n", "line 2"},
		{"allow:\n  all: perhaps\n", `line 2: "perhaps" is not true or false`},
		{"max_parallel: many\n", `line 1: "many" is not a whole number`},
		{"max_parallel: 0\n", "max_parallel"},
		{"max_parallel: -1\n", "max_parallel"},
		{"limits: {nice: -5}\n", "limits.nice: -5"},
		{"limits: {nice: 20}\n", "limits.nice"},
		{"limits: {ionice: realtime}\n", "limits.ionice"},
		{"limits: {upload_ratelimit: -1}\n", "limits.upload_ratelimit"},
		{"limits: {upload: 1}\n", `there is no key "upload"`},
		{"borg: ''\n", "borg"},
		{"borg: bin/borg\n", "absolute"},
		{"controller_url: http://h\n", "controller_url"},
		{"controller_url: h:5443\n", "controller_url"},
		{"borg_base_dir: x\n", "borg_base_dir"},
		{"ssh: {identity_file: id}\n", "ssh.identity_file"},
		{"ssh: {known_hosts: kh}\n", "ssh.known_hosts"},
		{"ssh: {command: ['']}\n", "ssh.command"},
		{"allow: {repositories: [backups]}\n", "allow.repositories"},
		{"allow: {repositories: ['*']}\n", "absolute"},
		{"allow: {repositories: ['']}\n", "allow.repositories"},
		{"allow: {repositories: ['/srv/**/x']}\n", "** is allowed only"},
		{"allow: {repositories: ['/srv/x**']}\n", "** is allowed only"},
		{"allow: {repositories: ['/srv/[a']}\n", "bracket"},
		{"allow: {repositories: ['/srv/*/../x']}\n", `".."`},
		{"allow: {repositories: ['ssh://h/./../x']}\n", `".."`},
		{"allow: {repositories: [\"/srv/a\\nb\"]}\n", "printed"},
		{"allow: {sources: [home]}\n", "allow.sources"},
		{"allow: {destinations: [restore]}\n", "allow.destinations"},
		{"borg: a\n---\nborg: b\n", "more than one document"},
		{"allow: [", "line 1"},
		{"- a\n", "line 1: here must be a section of keys"},
		{"borg: [a]\n", "line 1: here must be a text"},
		{"allow: {sources: /home}\n", `line 1: "/home" is not a list of texts`},
	} {
		_, err := Parse([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		} else if strings.Contains(err.Error(), "policy.") {
			t.Errorf("%q: %v names a Go type", tt.text, err)
		}
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "agent.yaml")
	if _, err := Load(file); !os.IsNotExist(unwrapAll(err)) || !strings.Contains(err.Error(), file) {
		t.Errorf("missing: %v", err)
	}
	if err := os.WriteFile(file, []byte("x: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("invalid: %v", err)
	}
}

// TestLoadRefusesWhatOthersCanWrite: agent.yaml says what the agent runs.
func TestLoadRefusesWhatOthersCanWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(file, []byte("max_parallel: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, says := range map[os.FileMode]string{0o600: "", 0o644: "", 0o664: "chmod go-w", 0o602: "chmod go-w", 0o666: "chmod go-w"} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(file); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "another account") {
		t.Errorf("another's: %v", err)
	}
}

func unwrapAll(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok || u.Unwrap() == nil {
			return err
		}
		err = u.Unwrap()
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("allow: {repositories: ['/srv/[a-z]*/**', 'host:x', 'ssh://[::1]/x']}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			return
		}
		if _, err := New(c, "/var/lib/agent", ""); err != nil {
			t.Errorf("accepted by Parse and not by New: %v", err)
		}
		// What is saved is read as the same, also over the text it came from.
		file := filepath.Join(t.TempDir(), "agent.yaml")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c.Allow.Maintenance = !c.Allow.Maintenance
		c.Allow.Repositories = append(c.Allow.Repositories, "/srv/new")
		if err := c.Save(file); err != nil {
			if !strings.Contains(err.Error(), "by hand") {
				t.Error(err)
			}
			return
		}
		got, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(normalLists(got), normalLists(c)) {
			t.Errorf("saved %+v, read %+v", c, got)
		}
	})
}
