package policy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

func newTestPolicy(t *testing.T, stateDir string, allow Allow) *Policy {
	t.Helper()
	c := Default()
	c.Allow = allow
	p, err := New(c, stateDir, "")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func order(kind job.Kind, path string, sources ...string) job.Spec {
	spec := job.Spec{Kind: kind, Repository: job.Repository{Path: path, Encryption: "repokey-blake2", Sources: sources}}
	if kind == job.Restore {
		spec.Restore = &job.RestoreSpec{Archive: "a", Destination: "/srv/back again/x"}
	}
	if kind == job.Prune {
		spec.Prune = &job.PruneSpec{Keep: job.Keep{Daily: 7}}
	}
	return spec
}

// refusal gives the rule that refused, or "" for a yes.
func refusal(t *testing.T, err error) *Refusal {
	t.Helper()
	if err == nil {
		return &Refusal{}
	}
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("%v is not a refusal", err)
	}
	if !strings.Contains(err.Error(), string(r.Rule)) || !strings.Contains(err.Error(), r.Message) || !strings.Contains(err.Error(), r.Command) {
		t.Errorf("%q does not name the rule %s and the command %q", err, r.Rule, r.Command)
	}
	return r
}

func TestKinds(t *testing.T) {
	const repo = "ssh://bk@host/srv/repo"
	named := []string{repo}
	for _, tt := range []struct {
		name  string
		allow Allow
		want  map[job.Kind]Rule // kinds that are refused
	}{
		{"nothing more", Allow{Repositories: named}, map[job.Kind]Rule{
			job.Prune: RuleMaintenance, job.Compact: RuleMaintenance, job.BreakLock: RuleMaintenance, job.Restore: RuleDestinations}},
		{"maintenance", Allow{Repositories: named, Maintenance: true}, map[job.Kind]Rule{job.Restore: RuleDestinations}},
		{"all", Allow{All: true}, nil},
		{"nothing", Allow{}, map[job.Kind]Rule{
			job.Init: RuleRepositories, job.Backup: RuleRepositories, job.List: RuleRepositories, job.Check: RuleRepositories,
			job.Prune: RuleMaintenance, job.Compact: RuleMaintenance, job.BreakLock: RuleMaintenance, job.Restore: RuleRepositories}},
	} {
		p := newTestPolicy(t, "/var/lib/agent", tt.allow)
		for _, k := range job.Kinds() {
			if got := refusal(t, p.Check(order(k, repo, "/etc"))).Rule; got != tt.want[k] {
				t.Errorf("%s, %s: refused by %q, want %q", tt.name, k, got, tt.want[k])
			}
		}
	}
	// A kind that somebody adds later has no rule yet, so it is refused.
	if got := refusal(t, newTestPolicy(t, "/s", Allow{Repositories: named, Maintenance: true}).Check(order("delete", repo))).Rule; got == "" {
		t.Error("an unknown kind is allowed")
	}
}

func TestCommandsThatAllow(t *testing.T) {
	allow := Allow{Repositories: []string{"/srv/backups/web"}, Sources: []string{"/etc"}}
	p := newTestPolicy(t, state.DefaultDir, allow)
	for _, tt := range []struct {
		spec job.Spec
		want string
	}{
		{order(job.Prune, "/srv/backups/web"), "borgfleet-agent allow --maintenance"},
		{order(job.Restore, "/srv/backups/web"), "borgfleet-agent allow --destination '/srv/back again/x'"},
		{order(job.Backup, "/srv/backups/db"), "borgfleet-agent allow --repository /srv/backups/db"},
		{order(job.Backup, "/srv/it's [a] *"), `borgfleet-agent allow --repository '/srv/it'\''s \[a] \*'`},
		{order(job.Backup, "bk@host:repo"), "borgfleet-agent allow --repository ssh://bk@host/./repo"},
		{order(job.Backup, "/srv/backups/web", "/etc/ssh", "/home/x y"), "borgfleet-agent allow --source '/home/x y'"},
	} {
		if got := refusal(t, p.Check(tt.spec)).Command; got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.spec.Kind, tt.spec.Repository.Path, got, tt.want)
		}
		elsewhere := newTestPolicy(t, "/srv/an agent", allow)
		if got := refusal(t, elsewhere.Check(tt.spec)).Command; got != tt.want+" --state-dir '/srv/an agent'" {
			t.Errorf("of an agent elsewhere: %s", got)
		}
		p.file = "/etc/agent.yaml"
		if got := refusal(t, p.Check(tt.spec)).Command; got != tt.want+" --config /etc/agent.yaml" {
			t.Errorf("with a file of its own: %s", got)
		}
		p.file = "/var/lib/borgfleet-agent/agent.yaml"
	}
}

// What the command says must be what helps.
func TestSuggestedPatternAllows(t *testing.T) {
	for _, path := range []string{"/srv/a", `/srv/[x]*?\y`, "host:repo", "bk@Host:~/r", "ssh://h:2222/./a b", "ssh://[::1]:22/r", "[fe80:0:0:0:0:0:0:1]:/r", "/"} {
		p := newTestPolicy(t, state.DefaultDir, Allow{})
		r := refusal(t, p.Check(order(job.Backup, path)))
		if r.Rule != RuleRepositories {
			t.Fatalf("%s: refused by %q", path, r.Rule)
		}
		normal, _ := job.NormalPath(path)
		if !strings.HasSuffix(r.Command, term.Shell(quote(normal))) {
			t.Errorf("%s: %s", path, r.Command)
		}
		p = newTestPolicy(t, "/var/lib/agent", Allow{Repositories: []string{quote(normal)}})
		if err := p.Check(order(job.Backup, path)); err != nil {
			t.Errorf("%s: after the command: %v", path, err)
		}
	}
}

func TestRepositoryPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		yes, no []string
	}{
		{"/srv/backups/web",
			[]string{"/srv/backups/web", "/srv/backups/web/", "/srv//backups/./web", "/srv/x/../backups/web", "file:///srv/backups/web"},
			[]string{"/srv/backups", "/srv/backups/web2", "/srv/backups/web/x", "ssh://h/srv/backups/web", "h:/srv/backups/web", "/srv/backups/web/../db"}},
		{"/srv/backups/*",
			[]string{"/srv/backups/a", "/srv/backups/.a"},
			[]string{"/srv/backups", "/srv/backups/a/b", "/srv/backups/../x", "/srv/other/a"}},
		{"/srv/*/web-?",
			[]string{"/srv/a/web-1"},
			[]string{"/srv/a/web-", "/srv/a/web-12", "/srv/a/b/web-1", "/srv/web-1"}},
		{"/srv/web-[0-9]", []string{"/srv/web-7"}, []string{"/srv/web-x", "/srv/web-[0-9]"}},
		{`/srv/web-\[x\]`, []string{"/srv/web-[x]"}, []string{"/srv/web-x"}},
		{"/srv/backups/**",
			[]string{"/srv/backups/a", "/srv/backups/a/b/c"},
			[]string{"/srv/backups", "/srv/backups/..", "/srv/backups/../x", "/srv/backups2/x"}},
		{"/srv/*/borg/**", []string{"/srv/a/borg/x/y"}, []string{"/srv/a/borg", "/srv/a/b/borg/x"}},
		{"/**", []string{"/a", "/a/b"}, []string{"/", "h:/a", "ssh://h/a"}},
		{"ssh://bk@host/srv/*",
			[]string{"ssh://bk@host/srv/a", "ssh://bk@HOST:22/srv/a/", "bk@host:/srv/a", "ssh://bk@host/srv/./x/../a"},
			[]string{"ssh://host/srv/a", "ssh://bk@host:23/srv/a", "ssh://bk@host/./srv/a", "bk@host:srv/a", "ssh://bk@host/srv/a/b", "ssh://bk@evil/srv/a", "/srv/a"}},
		{"host:repos/**",
			[]string{"host:repos/a/b", "ssh://host/./repos/a"},
			[]string{"host:/repos/a", "host:repos", "ssh://host/repos/a"}},
		{"ssh://host/./**", []string{"host:a", "ssh://host/./a/b"}, []string{"host:/a", "ssh://host/a", "ssh://host/~/a"}},
		{"ssh://host/**", []string{"host:/a", "ssh://host/a/b", "host:a"}, []string{"ssh://host:23/a", "ssh://u@host/a", "/host/a"}},
		{"ssh://*@host/srv/a", []string{"x@host:/srv/a"}, []string{"host:/srv/a"}},
		{"ssh://**", []string{"h:a", "ssh://u@h:23/a/b"}, []string{"/a"}},
	} {
		p := newTestPolicy(t, "/var/lib/agent", Allow{Repositories: []string{tt.pattern}})
		for _, path := range tt.yes {
			if err := p.Check(order(job.Backup, path)); err != nil {
				t.Errorf("%s refuses %s: %v", tt.pattern, path, err)
			}
		}
		for _, path := range tt.no {
			if err := p.Check(order(job.Backup, path)); err == nil {
				t.Errorf("%s allows %s", tt.pattern, path)
			}
		}
	}
}

// layout makes directories (name/), symlinks (name -> target) and files.
func layout(t *testing.T, entries ...string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var err error
		if name, target, ok := strings.Cut(e, " -> "); ok {
			err = os.Symlink(strings.ReplaceAll(target, "DIR", dir), filepath.Join(dir, name))
		} else {
			err = os.MkdirAll(filepath.Join(dir, e), 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestLinksOfProc: a path through a process is none, whatever is allowed.
func TestLinksOfProc(t *testing.T) {
	dir := layout(t, "srv", "lnk -> /proc/self/root")
	p := newTestPolicy(t, filepath.Join(dir, "state"), Allow{Repositories: []string{dir + "/srv/**"}})
	for _, source := range []string{"/proc/self/root", "/proc/self/root/etc", "/proc/1/cwd", "/proc/self/fd/0", dir + "/lnk", dir + "/lnk/etc"} {
		spec := job.Spec{Kind: job.Backup, Repository: job.Repository{Path: dir + "/srv/r", Sources: []string{dir, source}}}
		r, _ := errors.AsType[*Refusal](p.Check(spec))
		if r == nil || r.Rule != RuleSources || !strings.Contains(r.Message, "through a process") {
			t.Errorf("%s: %v", source, r)
		}
	}
}

func TestSymlinksDoNotLeadOutside(t *testing.T) {
	dir := layout(t,
		"backups/real", "etc", "disk/pool/repo",
		"backups/out -> DIR/etc",
		"backups/up -> ../etc",
		"backups/dangling -> DIR/etc/new",
		"backups/chain -> out",
		"backups/in -> real",
		"backups/loop -> loop",
		"backups/hop -> hop2", "backups/hop2 -> in",
		"w[1]/repo", "lnk -> w[1]",
		"mnt -> disk/pool",
	)
	p := newTestPolicy(t, filepath.Join(dir, "state"), Allow{Repositories: []string{dir + "/backups/**", dir + "/mnt/*", dir + "/lnk/*"}})
	for path, ok := range map[string]bool{
		"/backups/real":         true,
		"/backups/hop/x":        true,
		"/lnk/repo":             true,
		"/w1/repo":              false,
		"/backups/new":          true,
		"/backups/new/deeper":   true,
		"/backups/in":           true,
		"/backups/in/deeper":    true,
		"/backups/out":          false,
		"/backups/out/repo":     false,
		"/backups/up/repo":      false,
		"/backups/dangling":     false, // borg init would make what it points to
		"/backups/chain/repo":   false,
		"/backups/loop/repo":    false,
		"/backups/out/../real":  true, // borg cleans before it opens
		"/mnt/repo":             true, // the owner named the link itself
		"/disk/pool/repo":       true, // which is that place
		"/disk/other":           false,
		"/mnt/../backups/other": true,
	} {
		err := p.Check(order(job.Init, dir+path))
		if (err == nil) != ok {
			t.Errorf("%s: %v, want ok = %v", path, err, ok)
		}
	}
	r := refusal(t, p.Check(order(job.Init, dir+"/backups/out/repo")))
	if !strings.Contains(r.Message, dir+"/etc/repo") || !strings.Contains(r.Command, "--repository "+dir+"/etc/repo --state-dir") {
		t.Errorf("%v does not show where the path leads", r)
	}
}

func TestStateDirectoryIsNeverARepository(t *testing.T) {
	dir := layout(t, "state/jobs", "backups", "link -> state", "backups/sneak -> ../state/jobs")
	for name, allow := range map[string]Allow{"all": {All: true}, "named": {Repositories: []string{dir + "/**"}}} {
		for _, stateDir := range []string{dir + "/state", dir + "/link", dir + "/state/"} {
			p := newTestPolicy(t, stateDir, allow)
			for path, want := range map[string]Rule{
				"/state":              RuleState,
				"/state/repo":         RuleState,
				"/link/repo":          RuleState,
				"/backups/../state/x": RuleState,
				"/backups/sneak":      RuleState,
				"/backups/sneak/x":    RuleState,
				"/backups/repo":       "",
				"/state2":             "",
			} {
				r := refusal(t, p.Check(order(job.Init, dir+path)))
				if r.Rule != want || r.Command != "" {
					t.Errorf("%s, state %s, %s: %+v, want %q", name, stateDir, path, r, want)
				}
			}
		}
		// It may be backed up.
		if err := newTestPolicy(t, dir+"/state", allow).Check(order(job.Backup, dir+"/backups/repo", dir+"/state")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSources(t *testing.T) {
	dir := layout(t, "home/ann", "home2", "secret", "home/out -> DIR/secret", "data -> home")
	p := newTestPolicy(t, "/var/lib/agent", Allow{Repositories: []string{"/srv/r"}, Sources: []string{dir + "/home", dir + "/data/"}})
	for path, ok := range map[string]bool{
		"/home":           true,
		"/home/":          true,
		"/home/ann":       true,
		"/home/new":       true,
		"/data/ann":       true,
		"/home2":          false,
		"/":               false,
		"/home/../secret": false,
		"/home/out":       false,
		"/home/out/x":     false,
		"/secret":         false,
	} {
		err := p.Check(order(job.Backup, "/srv/r", dir+"/home", dir+path))
		if (err == nil) != ok {
			t.Errorf("%s: %v, want ok = %v", path, err, ok)
		} else if r := refusal(t, err); err != nil && r.Rule != RuleSources {
			t.Errorf("%s: refused by %s", path, r.Rule)
		}
	}
	if err := p.Check(order(job.List, "/srv/r", "/anything")); err != nil {
		t.Errorf("a list reads no source: %v", err)
	}
	anything := newTestPolicy(t, "/var/lib/agent", Allow{Repositories: []string{"/srv/r"}})
	if err := anything.Check(order(job.Backup, "/srv/r", "/", "/etc")); err != nil {
		t.Errorf("without more any source is allowed: %v", err)
	}
	root := newTestPolicy(t, "/var/lib/agent", Allow{Repositories: []string{"/srv/r"}, Sources: []string{"/"}})
	if err := root.Check(order(job.Backup, "/srv/r", "/etc")); err != nil {
		t.Errorf("below / is everything: %v", err)
	}
}

// These make an order into a command, or mean something else to borg than they
// seem. Not even allow.all lets them through.
func TestFormIsRefusedWhateverIsAllowed(t *testing.T) {
	p := newTestPolicy(t, "/var/lib/agent", Allow{All: true})
	for _, path := range []string{
		"", "-oProxyCommand=sh", "--rsh=sh", "relative/repo", "./repo", "../repo", "~/repo",
		"ssh://-oProxyCommand=sh/srv/r", "ssh://-oProxyCommand=sh@host/srv/r", "ssh://u@-oProxyCommand=sh/srv/r", "-oX:r", "u@-oX:r",
		"ssh://host`id`/r", "ssh://ho st/r", "ssh://$(id)/r", "ssh://u;id@host/r", "ssh://@host/r", "ssh://a@b@c/r", "ssh:///r",
		"ssh://host", "ssh://host/", "ssh://host/./", "host:.", "host:../other", "host:x/../../other",
		"/srv/repo::archive", "ssh://host/r::a", "ssh://[::1]/r::a", "[2001:db8::1]:r", "host:repo::archive", "/srv/{hostname}", "/srv/{now:%Y}", "/srv/a\nb", "/srv/a\x00b", "/srv/\xff", "/srv/a\x1bb",
		"sftp://host/srv/r", "rclone:remote:x::", "http://host/r", "file://srv/repo",
	} {
		if r := refusal(t, p.Check(order(job.Backup, path, "/etc"))); r.Rule != RuleForm || r.Command != "" {
			t.Errorf("%q: %+v", path, r)
		}
	}
	for name, change := range map[string]func(*job.Repository){
		"compression":     func(r *job.Repository) { r.Compression = "--rsh=sh" },
		"encryption":      func(r *job.Repository) { r.Encryption = "-x" },
		"archive name":    func(r *job.Repository) { r.ArchiveNameFormat = "--rsh=sh" },
		"file log":        func(r *job.Repository) { r.FileLog = "-x" },
		"exclude":         func(r *job.Repository) { r.ExcludePatterns = []string{"*.o", "-x"} },
		"exclude line":    func(r *job.Repository) { r.ExcludePatterns = []string{"a\nR /"} },
		"marker":          func(r *job.Repository) { r.ExcludeIfPresent = []string{"-x"} },
		"source":          func(r *job.Repository) { r.Sources = []string{"/etc", "--rsh=sh"} },
		"stdin":           func(r *job.Repository) { r.Sources = []string{"-"} },
		"relative source": func(r *job.Repository) { r.Sources = []string{"etc"} },
		"bytes in source": func(r *job.Repository) { r.Sources = []string{"/etc/\xff"} },
	} {
		spec := order(job.Backup, "/srv/r", "/etc")
		change(&spec.Repository)
		if r := refusal(t, p.Check(spec)); r.Rule != RuleForm {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for _, path := range []string{"/srv/a:b", "/srv/a b", "/srv/ä", "ssh://u@h:22/./r", "u.x_y-z+1@h-1.example.org:r", "ssh://[::1]/r", "ssh://u@[fe80::1]:22/r", "/srv/-r"} {
		if err := p.Check(order(job.Backup, path, "/etc")); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestAdd(t *testing.T) {
	var a Allow
	for _, r := range []string{"/srv/a", "/srv/a", "host:x/**"} {
		if err := a.AddRepository(r); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"/etc", "/etc/", "/home"} {
		if err := a.AddSource(s); err != nil {
			t.Error(err)
		}
	}
	if strings.Join(a.Repositories, " ") != "/srv/a host:x/**" || strings.Join(a.Sources, " ") != "/etc /home" {
		t.Errorf("%+v", a)
	}
	if a.AddRepository("srv") == nil || a.AddSource("home") == nil {
		t.Error("a relative path was added")
	}
}

// Whatever a controller sends, an order that passes stays below what was named.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"/srv/backups/a", "/srv/backups/../x", "file:///srv/backups/a", "h:/srv/backups/a", "ssh://h/./srv", "-x"} {
		f.Add(s)
	}
	c := Default()
	c.Allow.Repositories = []string{"/srv/backups/**"}
	p, err := New(c, "/var/lib/agent", "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if p.Check(order(job.Backup, path)) != nil {
			return
		}
		if clean := filepath.Clean(strings.TrimPrefix(path, "file://")); !strings.HasPrefix(clean, "/srv/backups/") {
			t.Errorf("%q is allowed", path)
		}
	})
}
