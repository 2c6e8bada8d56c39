package borg

import (
	"errors"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"borgfleet/shared/job"

	"github.com/google/go-cmp/cmp"
)

func testHost() Host {
	return Host{AgentID: "agent-1", AgentName: "web1", MachineID: "m1", BaseDir: "/var/lib/borgfleet/borg", Home: "/root"}
}

func testRepo() job.Repository {
	return job.Repository{
		Name: "main", Path: "ssh://backup@host.example:2222/./repo", Encryption: "repokey-blake2", BorgID: "ab",
		Sources: []string{"/srv/data/", "/home"},
	}
}

func TestCreateArgs(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*job.Repository)
		want []string
	}{
		{"plain", func(*job.Repository) {}, []string{"--log-json", "--progress", "--lock-wait=10", "create", "--json", "--",
			"ssh://backup@host.example:2222/./repo::a", "/srv/data", "/home"}},
		{"everything", func(r *job.Repository) {
			r.Path, r.Compression, r.OneFileSystem, r.ExcludeCaches = "/backups/r", "auto,zstd,3", true, true
			r.ExcludeIfPresent, r.ExcludePatterns = []string{".nobackup"}, []string{"*.tmp", "-x", "re:^a", "sh:**/cache", "{a}"}
			r.UploadRateLimit, r.CheckpointInterval, r.LockWait, r.FileLog = 100, 90*time.Second, 1500*time.Millisecond, job.FileLogChanged
			r.Sources = []string{"/a/./b{x}", "/with space", "/new\nline"}
		}, []string{"--log-json", "--progress", "--lock-wait=2", "create", "--json", "--list", "--filter=AMCE", "--compression=auto,zstd,3",
			"--one-file-system", "--exclude-caches", "--exclude-if-present=.nobackup", "--exclude=*.tmp", "--exclude=-x", "--exclude=re:^a",
			"--exclude=sh:**/cache", "--exclude={a}", "--upload-ratelimit=100", "--checkpoint-interval=90", "--",
			"/backups/r::a", "/a/b{x}", "/with space", "/new\nline"}},
		{"all files", func(r *job.Repository) { r.FileLog = job.FileLogAll; r.Path = "backup@host:repo" }, []string{"--log-json", "--progress", "--lock-wait=10",
			"create", "--json", "--list", "--", "backup@host:repo::a", "/srv/data", "/home"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			repo := testRepo()
			tt.edit(&repo)
			inv, err := Create(testHost(), job.Spec{Kind: job.Backup, Repository: repo}, "a")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, inv.Args); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOtherArgs(t *testing.T) {
	repo := testRepo()
	repo.Path = "/r"
	for name, tt := range map[string]struct {
		call func() (Invocation, error)
		want string
	}{
		"init":    {func() (Invocation, error) { return Init(testHost(), job.Spec{Repository: repo}) }, "borg --log-json --lock-wait=10 init --encryption=repokey-blake2 --make-parent-dirs -- /r"},
		"archive": {func() (Invocation, error) { return ListArchive(testHost(), repo, "a{b}") }, "borg --log-json --lock-wait=10 info --json -- '/r::a{{b}}'"},
		"info":    {func() (Invocation, error) { return RepoInfo(testHost(), repo) }, "borg --log-json --lock-wait=10 info --json -- /r"},
		"list":    {func() (Invocation, error) { return List(testHost(), repo) }, "borg --log-json --lock-wait=10 list --json -- /r"},
	} {
		t.Run(name, func(t *testing.T) {
			inv, err := tt.call()
			if err != nil || inv.String() != tt.want || !inv.NeedsPassphrase {
				t.Errorf("got %s, %v", inv, err)
			}
		})
	}
}

func TestHostileValues(t *testing.T) {
	for name, edit := range map[string]func(*job.Repository){
		"path option":            func(r *job.Repository) { r.Path = "--rsh=touch /tmp/x" },
		"path relative":          func(r *job.Repository) { r.Path = "backups/r" },
		"path empty":             func(r *job.Repository) { r.Path = "" },
		"path with archive":      func(r *job.Repository) { r.Path = "/r::other" },
		"path with archive, odd": func(r *job.Repository) { r.Path = "/r::other[x]" },
		"ssh path with archive":  func(r *job.Repository) { r.Path = "ssh://[::1]/r::other]" },
		"scp path with archive":  func(r *job.Repository) { r.Path = "h:r::other" },
		"path with placeholder":  func(r *job.Repository) { r.Path = "/r/{hostname}" },
		"path with colon at end": func(r *job.Repository) { r.Path = "/r:" },
		"path with NUL":          func(r *job.Repository) { r.Path = "/r\x00" },
		"path with newline":      func(r *job.Repository) { r.Path = "/r\n" },
		"path not UTF-8":         func(r *job.Repository) { r.Path = "/r\xff" },
		"path with two slashes":  func(r *job.Repository) { r.Path = "//r" },
		"ssh option as host":     func(r *job.Repository) { r.Path = "ssh://-oProxyCommand=x/r" },
		"ssh option as user":     func(r *job.Repository) { r.Path = "ssh://-oProxyCommand=x@h/r" },
		"scp option as host":     func(r *job.Repository) { r.Path = "-oProxyCommand=x:r" },
		"scp option as user":     func(r *job.Repository) { r.Path = "-l@h:r" },
		"scp option as path":     func(r *job.Repository) { r.Path = "h:-r" },
		"ssh without path":       func(r *job.Repository) { r.Path = "ssh://host" },
		"ssh bad port":           func(r *job.Repository) { r.Path = "ssh://host:x/r" },
		"rest":                   func(r *job.Repository) { r.Path = "rest://host/r" },
		"file":                   func(r *job.Repository) { r.Path = "file:///r" },
		"encryption":             func(r *job.Repository) { r.Encryption = "repokey --rsh=x" },
		"encryption of 2.0":      func(r *job.Repository) { r.Encryption = "repokey-aes-ocb" },
		"compression":            func(r *job.Repository) { r.Compression = "lz4 --rsh" },
		"obfuscation":            func(r *job.Repository) { r.Compression = "obfuscate,999,lz4" },
		"compression level":      func(r *job.Repository) { r.Compression = "zstd,23" },
		"file log":               func(r *job.Repository) { r.FileLog = "--rsh" },
		"no source":              func(r *job.Repository) { r.Sources = nil },
		"source empty":           func(r *job.Repository) { r.Sources = []string{""} },
		"source stdin":           func(r *job.Repository) { r.Sources = []string{"-"} },
		"source option":          func(r *job.Repository) { r.Sources = []string{"--content-from-command"} },
		"source relative":        func(r *job.Repository) { r.Sources = []string{"etc"} },
		"source NUL":             func(r *job.Repository) { r.Sources = []string{"/a\x00b"} },
		"source not UTF-8":       func(r *job.Repository) { r.Sources = []string{"/a\xff"} },
		"exclude empty":          func(r *job.Repository) { r.ExcludePatterns = []string{""} },
		"exclude NUL":            func(r *job.Repository) { r.ExcludePatterns = []string{"a\x00"} },
		"exclude unknown style":  func(r *job.Repository) { r.ExcludePatterns = []string{"xx:a"} },
		"exclude only style":     func(r *job.Repository) { r.ExcludePatterns = []string{"re:"} },
		"tag empty":              func(r *job.Repository) { r.ExcludeIfPresent = []string{""} },
		"tag absolute":           func(r *job.Repository) { r.ExcludeIfPresent = []string{"/etc/passwd"} },
		"tag above":              func(r *job.Repository) { r.ExcludeIfPresent = []string{"../x"} },
		"tag itself":             func(r *job.Repository) { r.ExcludeIfPresent = []string{"."} },
		"rate limit":             func(r *job.Repository) { r.UploadRateLimit = -1 },
		"checkpoint interval":    func(r *job.Repository) { r.CheckpointInterval = -1 },
		"lock wait":              func(r *job.Repository) { r.LockWait = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			repo := testRepo()
			edit(&repo)
			inv, err := Create(testHost(), job.Spec{Repository: repo}, "a")
			if CodeOf(err) != CodeBadRequest || err == nil {
				t.Errorf("got %v, %v", inv, err)
			}
		})
	}
	for _, archive := range []string{"", "-x", "a/b", "a::b", ":a", "a:", "a\n", "a\xff", strings.Repeat("x", 256)} {
		if inv, err := ListArchive(testHost(), testRepo(), archive); CodeOf(err) != CodeBadRequest || err == nil {
			t.Errorf("archive %q: %v, %v", archive, inv, err)
		}
	}
	repo := testRepo()
	repo.Encryption = ""
	if _, err := Init(testHost(), job.Spec{Repository: repo}); CodeOf(err) != CodeBadRequest {
		t.Errorf("init without encryption: %v", err)
	}
}

func TestParseLocation(t *testing.T) {
	for in, want := range map[string]Location{
		"/backups/my repo":                    {Path: "/backups/my repo"},
		"/a/b:c":                              {Path: "/a/b:c"},
		"ssh://host/r":                        {Host: "host", Path: "/r"},
		"ssh://u@host:22/~/r":                 {User: "u", Host: "host", Port: "22", Path: "/~/r"},
		"ssh://u@[2001:db8::1]:22/r":          {User: "u", Host: "[2001:db8::1]", Port: "22", Path: "/r"},
		"u@host:r":                            {User: "u", Host: "host", Path: "r"},
		"u@host:/r/s":                         {User: "u", Host: "host", Path: "/r/s"},
		"[2001:db8::1]:/r":                    {Host: "[2001:db8::1]", Path: "/r"},
		"ssh://u123@u123.your-box.de:23/./x/": {User: "u123", Host: "u123.your-box.de", Port: "23", Path: "/./x/"},
	} {
		if got, err := ParseLocation(in); err != nil || got != want {
			t.Errorf("ParseLocation(%q) = %+v, %v", in, got, err)
		}
	}
	if _, err := ParseLocation("ssh://[2001:db8::1]/r::a"); err == nil {
		t.Error("an archive behind an IPv6 address was accepted")
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("BORG_PASSPHRASE", "inherited")
	t.Setenv("BORG_LOGGING_CONF", "/x")
	get := func(h Host, repo job.Repository) map[string]string {
		t.Helper()
		inv, err := Create(h, job.Spec{Repository: repo}, "a")
		if err != nil {
			t.Fatal(err)
		}
		env := make(map[string]string)
		for _, v := range inv.Env {
			name, value, _ := strings.Cut(v, "=")
			if _, twice := env[name]; twice {
				t.Errorf("%s is there twice", name)
			}
			env[name] = value
		}
		return env
	}
	want := map[string]string{
		"PATH": defaultPath, "HOME": "/root", "TZ": "UTC", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
		"BORG_EXIT_CODES": "modern", "BORG_HOST_ID": "agent-1+m1", "BORG_BASE_DIR": "/var/lib/borgfleet/borg",
		"BORG_PASSPHRASE_FD": "3", "BORG_DISPLAY_PASSPHRASE": "no",
		"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "no", "BORG_RELOCATED_REPO_ACCESS_IS_OK": "no",
		"BORG_CHECK_I_KNOW_WHAT_I_AM_DOING": "NO", "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING": "NO",
		"BORG_RSH": "/bin/sh -c " + shellQuote(lastWords) + " ssh ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=10 -oServerAliveCountMax=30 -oStrictHostKeyChecking=yes",
	}
	if diff := cmp.Diff(want, get(testHost(), testRepo())); diff != "" {
		t.Error(diff)
	}

	h := testHost()
	h.BaseDir, h.Path = "", "/opt/bin"
	h.SSH = SSH{Command: []string{"/opt/my ssh", "-F", "/c"}, IdentityFile: "/keys/50% a", KnownHosts: "/kh"}
	env := get(h, testRepo())
	if _, ok := env["BORG_BASE_DIR"]; ok || env["PATH"] != "/opt/bin" {
		t.Errorf("%v", env)
	}
	wantRSH := "/bin/sh -c " + shellQuote(lastWords) + ` ssh '/opt/my ssh' -F /c -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=10 -oServerAliveCountMax=30 -oStrictHostKeyChecking=yes` +
		` '-oUserKnownHostsFile="/kh"' '-oIdentityFile="/keys/50%% a"' -oIdentitiesOnly=yes`
	if env["BORG_RSH"] != wantRSH {
		t.Errorf("BORG_RSH %s", env["BORG_RSH"])
	}

	for _, tt := range []struct {
		encryption, borgID, want string
		fd                       bool
	}{
		{"none", "", "yes", false},
		{"none", "known", "no", false},
		{"authenticated", "", "yes", true},
		{"repokey", "", "no", true},
		{"", "", "no", true},
	} {
		repo := testRepo()
		repo.Encryption, repo.BorgID = tt.encryption, tt.borgID
		env := get(testHost(), repo)
		_, fd := env["BORG_PASSPHRASE_FD"]
		if env["BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK"] != tt.want || fd != tt.fd {
			t.Errorf("%+v: %v", tt, env)
		}
	}

	for name, edit := range map[string]func(*Host){
		"no agent id":   func(h *Host) { h.AgentID = "" },
		"no machine id": func(h *Host) { h.MachineID = "" },
		"NUL":           func(h *Host) { h.Home = "/\x00" },
		"quoted key":    func(h *Host) { h.SSH.IdentityFile = `/a"b` },
	} {
		h := testHost()
		edit(&h)
		if _, err := RepoInfo(h, testRepo()); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestArchiveName(t *testing.T) {
	key := job.Key{0: 0x01, 15: 0xff}
	at := time.Date(2026, 11, 23, 5, 6, 7, 89_000_000, time.FixedZone("x", 3600))
	for _, tt := range []struct{ format, agent, repository, want string }{
		{"", "web1", "main", "web1-main-2026-11-23T04:06:07.089"},
		{"{agent}_{utcnow}", "web1", "", "web1_2026-11-23T04:06:07.089"},
		{"x-{job}", "", "", "x-" + key.String()},
		{"", "a/b c::*?[]{}\x00\n'\"", "-–ü", "a-b-c------------" + "--" + "-–ü-2026-11-23T04:06:07.089"},
		{"", "", "///", "x-x-2026-11-23T04:06:07.089"},
	} {
		got, err := ArchiveName(tt.format, tt.agent, tt.repository, at, key)
		if tt.repository == "-–ü" {
			// The exact number of dashes does not matter.
			if err != nil || !strings.HasPrefix(got, "a-b-c-") || !strings.HasSuffix(got, "–ü-2026-11-23T04:06:07.089") || strings.ContainsAny(got, " *?[]{}/\"'\n\x00") || strings.Contains(got, "::") {
				t.Errorf("hostile names gave %q, %v", got, err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%+v: got %q, %v", tt, got, err)
		}
	}
	for _, format := range []string{"{agent}", "fixed", "{now", "now}", "{now}}", "{{now}}", "{hostname}-{now}", "{now:%Y}", "{}-{now}",
		"{now}.checkpoint", "{now}.checkpoint.1", "-{now}", "a/{now}", "a::{now}", "a b{now}", "*{now}", "{now}\n", "{now}\xff", "\x00{now}", ":{now}",
		"{now}" + strings.Repeat("x", 250)} {
		if got, err := ArchiveName(format, "a", "r", at, key); err == nil {
			t.Errorf("format %q gave %q", format, got)
		}
	}
	long := strings.Repeat("ä", 300)
	if got, err := ArchiveName("", long, long, at, key); err != nil || len(got) > 255 {
		t.Errorf("long names: %d bytes, %v", len(got), err)
	}
	if !slices.IsSorted([]string{mustName(t, at), mustName(t, at.Add(time.Second))}) {
		t.Error("later archives do not sort after earlier ones")
	}
}

func mustName(t *testing.T, at time.Time) string {
	t.Helper()
	name, err := ArchiveName("", "a", "r", at, job.Key{})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestLastWords: when ssh fails, borg's pipes stay open long enough for borg to
// read why. A good end costs nothing, and the status is ssh's.
func TestLastWords(t *testing.T) {
	t.Parallel()
	for status, waits := range map[int]bool{0: false, 3: false, 127: true, 255: true} {
		start := time.Now()
		err := exec.Command("/bin/sh", "-c", lastWords, "ssh", "/bin/sh", "-c", `exit "$1"`, "-", strconv.Itoa(status)).Run()
		took := time.Since(start)
		var exit *exec.ExitError
		if got := errors.As(err, &exit); got != (status != 0) || got && exit.ExitCode() != status {
			t.Errorf("status %d became %v", status, err)
		}
		if waits && took < 200*time.Millisecond {
			t.Errorf("status %d ended after %s", status, took)
		}
	}
}
