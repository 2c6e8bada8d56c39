package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"borgfleet/scripts/testenv"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/seal"
)

// hostileOrder is an order that must come to nothing.
type hostileOrder struct {
	name   string
	change func(*fleetv1.Order)
	code   string // of its verdict; empty: policy_refused
	says   string // part of what its verdict says
}

// repositoryOrder changes what is said of the repository.
func repositoryOrder(name, says string, change func(*fleetv1.Repository)) hostileOrder {
	return hostileOrder{name: name, says: says, change: func(o *fleetv1.Order) { change(o.Spec.Repository) }}
}

func hostilePaths(repositories string) (out []hostileOrder) {
	for _, path := range []string{
		"ssh://-oProxyCommand=touch%20/tmp/x/srv/r", "ssh://-oProxyCommand=id@host/r", "ssh://u@-oProxyCommand=id/r",
		"-oProxyCommand=id:r", "--rsh=id", "file:///etc", "file://" + repositories + "/../../etc", "http://host/r", "ext::sh -c id",
		repositories + "/a\x00b", repositories + "/a\nb", repositories + "/a\x1b[2J", repositories + "/a::b", repositories + "/{hostname}",
		repositories + "/" + strings.Repeat("a/", 300_000), "/" + strings.Repeat("x", 600_000), repositories + "/../outside", "/etc/borgfleet", "relative/r", "~/r", "", ".",
		"ssh://host/r\x00--rsh", "ssh://h$(id)/r", "ssh://h`id`/r", "[::1]:--rsh=id", "host:-r",
	} {
		out = append(out, repositoryOrder("the repository "+path, "this host does not allow it", func(r *fleetv1.Repository) { r.Path = path }))
	}
	return out
}

func hostileValues(source string) []hostileOrder {
	huge := strings.Repeat("x", 600_000)
	many := func(n int, s string) (out []string) {
		for range n {
			out = append(out, s)
		}
		return out
	}
	of := repositoryOrder
	return []hostileOrder{
		of("a source that is an option", "form", func(r *fleetv1.Repository) { r.SourceDirectories = []string{"--rsh=id"} }),
		of("stdin as a source", "form", func(r *fleetv1.Repository) { r.SourceDirectories = []string{"-"} }),
		of("a source with ..", "allow.sources", func(r *fleetv1.Repository) { r.SourceDirectories = []string{source + "/../../../etc"} }),
		of("a source elsewhere", "borgfleet-agent allow --source /etc", func(r *fleetv1.Repository) { r.SourceDirectories = []string{source, "/etc"} }),
		of("a source that only begins alike", "allow.sources", func(r *fleetv1.Repository) { r.SourceDirectories = []string{source + "x"} }),
		of("a relative source", "form", func(r *fleetv1.Repository) { r.SourceDirectories = []string{"etc"} }),
		of("a source with NUL", "form", func(r *fleetv1.Repository) { r.SourceDirectories = []string{source + "/\x00"} }),
		of("a source of 600 kB", "form", func(r *fleetv1.Repository) { r.SourceDirectories = []string{source + "/" + huge} }),
		of("very many sources", "form", func(r *fleetv1.Repository) { r.SourceDirectories = many(20_000, "/etc") }),
		of("a pattern with lines", "form", func(r *fleetv1.Repository) { r.ExcludePatterns = []string{"a\nR /etc"} }),
		of("a pattern that is an option", "form", func(r *fleetv1.Repository) { r.ExcludePatterns = []string{"--patterns-from=/etc/shadow"} }),
		of("a pattern of 600 kB", "form", func(r *fleetv1.Repository) { r.ExcludePatterns = []string{huge} }),
		of("very many patterns", "form", func(r *fleetv1.Repository) { r.ExcludePatterns = many(100_000, "*.o") }),
		of("a marker that is an option", "form", func(r *fleetv1.Repository) { r.ExcludeIfPresent = []string{"--rsh=id"} }),
		of("a compression that is an option", "form", func(r *fleetv1.Repository) { r.Compression = "--rsh=id" }),
		of("an encryption that is an option", "form", func(r *fleetv1.Repository) { r.Encryption = "--rsh=id" }),
		of("an archive that is an option", "form", func(r *fleetv1.Repository) { r.ArchiveNameFormat = "--rsh={now}" }),
		of("a hook that is a path", "form", func(r *fleetv1.Repository) { r.Hooks = &fleetv1.Hooks{Before: []string{"../../bin/sh"}} }),
		of("a hook that is absolute", "form", func(r *fleetv1.Repository) { r.Hooks = &fleetv1.Hooks{Always: []string{"/bin/sh"}} }),
		of("a hook that is an option", "form", func(r *fleetv1.Repository) { r.Hooks = &fleetv1.Hooks{OnFailure: []string{"-c"}} }),
		of("a hook with words", "form", func(r *fleetv1.Repository) { r.Hooks = &fleetv1.Hooks{After: []string{"sh -c id"}} }),
		of("a hook of 600 kB", "form", func(r *fleetv1.Repository) { r.Hooks = &fleetv1.Hooks{Before: []string{huge}} }),
		of("very many hooks", "form", func(r *fleetv1.Repository) { r.Hooks = &fleetv1.Hooks{OnWarning: many(20_000, "a")} }),
		of("a hook that nobody has allowed", "borgfleet-agent allow --hook sh", func(r *fleetv1.Repository) { r.Hooks = &fleetv1.Hooks{Before: []string{"sh"}} }),
		{name: "a pattern of no style", code: "bad_request", change: func(o *fleetv1.Order) { o.Spec.Repository.ExcludePatterns = []string{"xx:/etc"} }},
		{name: "a marker that leads out", code: "bad_request", change: func(o *fleetv1.Order) { o.Spec.Repository.ExcludeIfPresent = []string{"../../etc/passwd"} }},
		{name: "no source", code: "bad_request", change: func(o *fleetv1.Order) { o.Spec.Repository.SourceDirectories = nil }},
		{name: "compression junk", code: "bad_request", change: func(o *fleetv1.Order) { o.Spec.Repository.Compression = "zstd,3 --rsh=id" }},
		{name: "encryption junk", code: "bad_request", change: func(o *fleetv1.Order) { o.Spec.Repository.Encryption = "repokey --rsh=id" }},
		{name: "placeholders of borg's", code: "bad_request", change: func(o *fleetv1.Order) { o.Spec.Repository.ArchiveNameFormat = "{hostname}-{now}" }},
		{name: "an archive in another repository", code: "bad_request", change: func(o *fleetv1.Order) { o.Spec.Repository.ArchiveNameFormat = "{now}::x" }},
		{name: "a name that is always the same", code: "bad_request", change: func(o *fleetv1.Order) { o.Spec.Repository.ArchiveNameFormat = "x" }},
		{name: "a negative rate", code: "bad_request", change: func(o *fleetv1.Order) { o.Spec.Repository.UploadRatelimit = -1 }},
		{name: "a negative interval", code: "bad_request", change: func(o *fleetv1.Order) { o.Spec.Repository.CheckpointInterval = -1 << 31 }},
		{name: "a negative wait", code: "bad_request", change: func(o *fleetv1.Order) { o.Spec.Repository.LockWait = -1 << 31 }},
		{name: "a file log of no kind", code: "bad_request", change: func(o *fleetv1.Order) { o.Spec.Repository.FileLog = "everything" }},
		{name: "no repository", says: "form", change: func(o *fleetv1.Order) { o.Spec.Repository = nil }},
	}
}

func hostileKinds(source, restores, outside string, state string) (out []hostileOrder) {
	for _, kind := range []string{"prune", "compact", "break-lock"} {
		out = append(out, hostileOrder{name: kind, says: "borgfleet-agent allow --maintenance", change: func(o *fleetv1.Order) {
			o.Spec.Kind = kind
			o.Spec.Repository.MatchArchives, o.Spec.Prune = "host-*", &fleetv1.Prune{KeepDaily: 1}
		}})
	}
	prune := func(name string, match string, p *fleetv1.Prune) {
		out = append(out, hostileOrder{name: name, says: "form", change: func(o *fleetv1.Order) {
			o.Spec.Kind, o.Spec.Repository.MatchArchives, o.Spec.Prune = "prune", match, p
		}})
	}
	prune("a prune that keeps nothing", "host-*", &fleetv1.Prune{})
	prune("a prune of what is an option", "--rsh=id", &fleetv1.Prune{KeepDaily: 1})
	prune("a prune that keeps an option", "host-*", &fleetv1.Prune{KeepWithin: "--rsh=id"})
	prune("a prune that keeps less than nothing", "host-*", &fleetv1.Prune{KeepDaily: -1})
	prune("a prune without a word", "host-*", nil)
	restore := func(name, says string, r *fleetv1.Restore) {
		out = append(out, hostileOrder{name: name, says: says, change: func(o *fleetv1.Order) { o.Spec.Kind, o.Spec.Restore = "restore", r }})
	}
	restore("a restore to /etc", "borgfleet-agent allow --destination /etc", &fleetv1.Restore{Archive: "a", Destination: "/etc"})
	restore("a restore to /", "state directory", &fleetv1.Restore{Archive: "a", Destination: "/"})
	restore("a restore over the agent", "state directory", &fleetv1.Restore{Archive: "a", Destination: state + "/jobs"})
	restore("a restore through a link", "allow.destinations", &fleetv1.Restore{Archive: "a", Destination: restores + "/out/x"})
	restore("a restore through ..", "form", &fleetv1.Restore{Archive: "a", Destination: restores + "/../" + filepath.Base(outside)})
	restore("a restore into a repository", "repository", &fleetv1.Restore{Archive: "a", Destination: restores + "/repo/data"})
	restore("a restore of an option", "form", &fleetv1.Restore{Archive: "--rsh=id", Destination: restores + "/a"})
	restore("a restore of ..", "form", &fleetv1.Restore{Archive: "a", Paths: [][]byte{[]byte("../../etc")}, Destination: restores + "/a"})
	restore("a restore of very many paths", "form", &fleetv1.Restore{Archive: "a", Paths: make([][]byte, 100_000), Destination: restores + "/a"})
	restore("a restore of nothing", "form", &fleetv1.Restore{})
	restore("a restore without a word", "form", nil)
	list := func(name, says, code string, l *fleetv1.List) {
		out = append(out, hostileOrder{name: name, says: says, code: code, change: func(o *fleetv1.Order) { o.Spec.Kind, o.Spec.List = "list", l }})
	}
	list("a list of an option", "form", "", &fleetv1.List{Archive: "--rsh=id"})
	list("a list of ..", "form", "", &fleetv1.List{Archive: "a", Path: []byte("../x")})
	list("a list of another archive", "", "bad_request", &fleetv1.List{Archive: "a::b"})
	list("a list of a placeholder's length", "", "bad_request", &fleetv1.List{Archive: strings.Repeat("{now}", 60)})
	return out
}

// hostileSeals: what was sealed for another agent, or for another place, opens
// nothing here.
func hostileSeals(t *testing.T, s *seized) []hostileOrder {
	t.Helper()
	var agent struct {
		ID        string `json:"id"`
		Recipient string `json:"age_recipient"`
	}
	fatal(t, s.env.API.Get("/api/agents/host", &agent))
	stranger, err := age.GenerateX25519Identity()
	fatal(t, err)
	here := job.Location(s.repo.Path, agent.ID)
	var out []hostileOrder
	for name, to := range map[string][3]string{
		"a seal for another place": {agent.Recipient, agent.ID, job.Location("/elsewhere", agent.ID)},
		"another agent's seal":     {stranger.Recipient().String(), "0f1e2d3c-0000-4000-8000-000000000001", here},
		"a seal for another name":  {agent.Recipient, "0f1e2d3c-0000-4000-8000-000000000001", here},
	} {
		sealed, err := seal.Seal(to[0], to[1], to[2], []byte("secret of another"))
		fatal(t, err)
		out = append(out, hostileOrder{name: name, code: "passphrase_unavailable", change: func(o *fleetv1.Order) {
			o.Spec.Repository.Encryption, o.Spec.Repository.PassphraseSealed = "repokey", sealed
		}})
	}
	return append(out, hostileOrder{name: "a seal of noise", code: "passphrase_unavailable", change: func(o *fleetv1.Order) {
		o.Spec.Repository.Encryption, o.Spec.Repository.PassphraseSealed = "repokey", []byte(strings.Repeat("\xff", 100_000))
	}})
}

// TestHostileOrders: a controller that was taken over orders what the host's
// owner does not allow, in every way that is known of. Nothing of it is
// executed; each is refused once, with the rule and the command that would
// allow it, and that is seen on both sides.
func TestHostileOrders(t *testing.T) {
	t.Parallel()
	s := seize(t)
	outside := t.TempDir()
	fatal(t, os.Symlink(outside, filepath.Join(s.restores, "out")))
	fatal(t, os.MkdirAll(filepath.Join(s.restores, "repo/data"), 0o700))
	fatal(t, os.WriteFile(filepath.Join(s.restores, "repo/config"), []byte("[repository]\n"), 0o600))
	fatal(t, os.Symlink(outside, filepath.Join(s.env.Repositories(), "link")))
	before := len(s.borgs.all(t))

	orders := append(hostilePaths(s.env.Repositories()), hostileValues(s.source)...)
	orders = append(orders, hostileKinds(s.source, s.restores, outside, s.host.StateDir)...)
	orders = append(orders, hostileSeals(t, s)...)
	orders = append(orders, repositoryOrder("a repository behind a link", "allow.repositories", func(r *fleetv1.Repository) { r.Path = s.env.Repositories() + "/link/r" }))
	var said []*fleetv1.Order
	for _, o := range orders {
		said = append(said, s.order(t, o.change))
		s.say(t, said[len(said)-1])
	}
	for i, o := range orders {
		v := s.verdict(t, said[i])
		want := o.code
		if want == "" {
			want = "policy_refused"
		}
		if v.Status != "failed" || v.ErrorCode != want || !strings.Contains(v.ErrorMessage, o.says) {
			t.Errorf("%.100s: %s, %s: %.300s", o.name, v.Status, v.ErrorCode, v.ErrorMessage)
		}
		if len(v.ErrorMessage) > 2000 {
			t.Errorf("%.100s: the refusal has %d bytes", o.name, len(v.ErrorMessage))
		}
	}
	for _, e := range s.borgs.all(t)[before:] {
		t.Errorf("executed: %.300q", e.args)
	}
	if left := entries(t, outside); len(left) > 0 {
		t.Errorf("written outside: %v", left)
	}
	s.unhurt(t)

	// The owner sees them, and so does the true controller; none runs again.
	ran := len(s.borgs.creates(t))
	fatal(t, s.imp.Release(s.host))
	out, err := s.host.CLI("jobs", "-o", "json", "--limit", "1000")
	fatal(t, err)
	for i, o := range orders {
		if key := job.Key(said[i].Key).String(); !strings.Contains(out, key) {
			t.Errorf("%.100s: the host does not show it", o.name)
		}
	}
	shown := 0
	err = s.env.Await("the true controller shows every refusal", func() (ok bool, err error) {
		shown, err = failures(s.env)
		return shown >= len(orders), err
	})
	if err != nil {
		t.Errorf("%d of %d: %v", shown, len(orders), err)
	}
	if n := len(s.borgs.creates(t)) - ran; n != 0 {
		t.Errorf("%d of them were executed later", n)
	}
	if j := backup(t, s.env, s.repo.Path); j.Status != "completed" {
		t.Errorf("afterwards: %+v", j)
	}
}

// failures counts the failed jobs that REST shows.
func failures(env *testenv.Env) (n int, err error) {
	for cursor := ""; ; {
		var page struct {
			Jobs []struct {
				Status string
			}
			Next string `json:"next_cursor"`
		}
		path := "/api/backup/jobs?limit=100&status=failed"
		for _, k := range job.Kinds() {
			path += "&kind=" + string(k)
		}
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		if err := env.API.Get(path, &page); err != nil {
			return n, err
		}
		n += len(page.Jobs)
		if cursor = page.Next; cursor == "" {
			return n, nil
		}
	}
}
