package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"borgfleet/shared/job"
)

// restoreTo is an order whose repository is allowed.
func restoreTo(destination string) job.Spec {
	spec := order(job.Restore, "ssh://bk@host/srv/repo")
	spec.Restore.Destination = destination
	return spec
}

// tree makes directories below a temporary one.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestDestinations(t *testing.T) {
	root := tree(t, "state/jobs", "restore/old", "real", "base", "repo/data")
	at := func(name string) string { return filepath.Join(root, name) }
	if err := os.WriteFile(at("repo/config"), []byte("[repository]\nversion = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link(t, at("real"), at("shown"))        // an allowed directory that is a link
	link(t, at("state"), at("restore/in"))  // links below an allowed one
	link(t, root, at("restore/out"))        //
	link(t, at("restore/old"), at("other")) // a link into an allowed one
	owners := Allow{Repositories: []string{"ssh://bk@host/srv/repo"}, Destinations: []string{at("restore"), at("shown"), at("repo")}}
	for _, tt := range []struct {
		to   string
		rule Rule // by the owner's list
		all  Rule // with allow.all
	}{
		{at("restore"), "", ""},
		{at("restore/new/deep"), "", ""},
		{at("shown/x"), "", ""},
		{at("real/x"), "", ""}, // the same place
		{at("other/x"), "", ""},
		{at("restored"), RuleDestinations, ""}, // only begins alike
		{at("elsewhere"), RuleDestinations, ""},
		{at("restore/out/x"), RuleDestinations, ""},
		{at("state"), RuleState, RuleState},
		{at("state/jobs/x"), RuleState, RuleState},
		{at("restore/in/x"), RuleState, RuleState},
		{root, RuleState, RuleState}, // above
		{"/", RuleState, RuleState},
		{at("base/x"), RuleState, RuleState},
		{at("repo"), RuleRepository, RuleRepository},
		{at("repo/data/0"), RuleRepository, RuleRepository},
	} {
		for _, allow := range []Allow{owners, {All: true}} {
			c := Default()
			c.Allow, c.BorgBaseDir = allow, at("base")
			p, err := New(c, at("state"), "")
			if err != nil {
				t.Fatal(err)
			}
			want := tt.rule
			if allow.All {
				want = tt.all
			}
			err = p.Check(restoreTo(tt.to))
			if got := refusal(t, err).Rule; got != want {
				t.Errorf("%s, all %v: refused by %q, want %q: %v", tt.to, allow.All, got, want, err)
			}
			if err != nil {
				continue
			}
			base, below, err := p.Destination(restoreTo(tt.to))
			if real, _ := resolve(tt.to); err != nil || filepath.Join(base, below) != real || filepath.IsAbs(below) {
				t.Errorf("%s goes to %q below %q, %v", tt.to, below, base, err)
			}
		}
	}
}

// The order's own repository, though it does not exist yet.
func TestNoRestoreIntoItsRepository(t *testing.T) {
	root := tree(t)
	spec := order(job.Restore, filepath.Join(root, "repo"))
	spec.Restore.Destination = filepath.Join(root, "repo/x")
	if got := refusal(t, newTestPolicy(t, "/var/lib/agent", Allow{All: true}).Check(spec)).Rule; got != RuleRepository {
		t.Errorf("refused by %q", got)
	}
}

func TestArchiveForm(t *testing.T) {
	p := newTestPolicy(t, "/var/lib/agent", Allow{All: true})
	for name, change := range map[string]func(*job.Spec){
		"no restore":   func(s *job.Spec) { s.Restore = nil },
		"no archive":   func(s *job.Spec) { s.Restore.Archive = "" },
		"dash":         func(s *job.Spec) { s.Restore.Archive = "-x" },
		"lines":        func(s *job.Spec) { s.Restore.Archive = "a\nb" },
		"nowhere":      func(s *job.Spec) { s.Restore.Destination = "" },
		"relative":     func(s *job.Spec) { s.Restore.Destination = "srv/x" },
		"not clean":    func(s *job.Spec) { s.Restore.Destination = "/srv/../etc" },
		"slash":        func(s *job.Spec) { s.Restore.Destination = "/srv/x/" },
		"not UTF-8":    func(s *job.Spec) { s.Restore.Destination = "/srv/\xff" },
		"two lines":    func(s *job.Spec) { s.Restore.Destination = "/srv/a\nb" },
		"NUL":          func(s *job.Spec) { s.Restore.Paths = []string{"a", "b\x00"} },
		"absolute":     func(s *job.Spec) { s.Restore.Paths = []string{"/etc"} },
		"above":        func(s *job.Spec) { s.Restore.Paths = []string{"a/../../b"} },
		"empty path":   func(s *job.Spec) { s.Restore.Paths = []string{""} },
		"list archive": func(s *job.Spec) { s.Kind, s.List = job.List, &job.ListSpec{Archive: "--x"} },
		"list path":    func(s *job.Spec) { s.Kind, s.List = job.List, &job.ListSpec{Archive: "a", Path: "../x"} },
	} {
		spec := restoreTo("/srv/x")
		change(&spec)
		if r := refusal(t, p.Check(spec)); r.Rule != RuleForm || r.Command != "" {
			t.Errorf("%s: refused by %q, %q", name, r.Rule, r.Command)
		}
	}
	spec := restoreTo("/srv/x")
	spec.Restore.Paths = []string{"-dash", "bad\xff\n", "a..b/..c", "sh:**", strings.Repeat("x", 5000)}
	if err := p.Check(spec); err != nil {
		t.Errorf("names that files may have: %v", err)
	}
	spec = order(job.List, "ssh://bk@host/srv/repo")
	spec.List = &job.ListSpec{Archive: "a"}
	if err := p.Check(spec); err != nil {
		t.Errorf("the topmost folder: %v", err)
	}
}

// TestPipeForAConfig: whoever can make folders below a destination can make a
// pipe there, too. Nobody ever writes into it.
func TestPipeForAConfig(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "config"), 0o644); err != nil {
		t.Fatal(err)
	}
	if isRepository(dir) {
		t.Error("taken for a repository")
	}
}

// TestBorgsOwnDirectories are no place for a restore, wherever they are and
// whatever the owner allows.
func TestBorgsOwnDirectories(t *testing.T) {
	home, own := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	c := Default()
	c.Allow.All = true
	c.Repositories = []Repository{{Location: "/srv/repo", BorgBaseDir: own}}
	p, err := New(c, t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	for place, refused := range map[string]bool{
		own: true, own + "/x": true,
		home + "/.config/borg/keys": true, home + "/.cache/borg": true, home + "/.config": true,
		home + "/restored": false,
	} {
		if err := p.Check(restoreTo(place)); (err != nil) != refused {
			t.Errorf("%s: %v", place, err)
		}
	}
}
