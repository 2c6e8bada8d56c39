package jobproc

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// argvHost is the same for every order.
func argvHost() borg.Host {
	return borg.Host{AgentID: "agent", AgentName: "web1", MachineID: "m1", BaseDir: "/base", Home: "/home", Limits: borg.Limits{Upload: 100}}
}

// commands are all that borg would be executed with for an order.
func commands(h borg.Host, spec job.Spec) (out []borg.Invocation) {
	add := func(inv borg.Invocation, err error) {
		if err == nil {
			out = append(out, inv)
		}
	}
	repo := spec.Repository
	switch w := workOf(spec).(type) {
	case backup:
		archive, err := borg.ArchiveName(repo.ArchiveNameFormat, h.AgentName, repo.Name, time.Unix(1, 0), job.Key{1})
		if err != nil {
			return nil
		}
		add(borg.Create(h, spec, archive))
		add(borg.ListArchive(h, repo, archive))
	case initialise:
		add(borg.Init(h, spec))
	case list:
		add(borg.List(h, repo))
	case *contents:
		add(borg.Contents(h, repo, w.spec.Archive, w.spec.Path))
	case *restore:
		add(borg.Extract(h, spec))
	case prune:
		for _, v := range []string{"1.2.4", "1.4.0"} {
			version, _ := borg.ParseVersion(v)
			add(borg.Prune(h, spec, repo.MatchArchives, version))
		}
	case compact:
		add(borg.Compact(h, spec))
	case check:
		add(borg.Check(h, spec))
	case breakLock:
		add(borg.BreakLock(h, spec))
	}
	add(borg.RepoInfo(h, repo))
	add(borg.Visit(h, repo))
	add(borg.DropCache(h, repo))
	return out
}

// harmless are the options that an order can bring about. None of them executes
// or reads anything.
func harmless(word string) bool {
	name, _, _ := strings.Cut(word, "=")
	return slices.Contains([]string{
		"--log-json", "--progress", "--lock-wait", "--json", "--list", "--filter", "--compression", "--one-file-system",
		"--exclude-caches", "--exclude-if-present", "--exclude", "--upload-ratelimit", "--checkpoint-interval",
		"--encryption", "--make-parent-dirs", "--sparse", "--format", "--cache-only", "--last",
		"--info", "--stats", "--dry-run", "--glob-archives", "--repository-only", "--archives-only", "--verify-data", "--max-duration", "--keep-within",
		"--keep-hourly", "--keep-daily", "--keep-weekly", "--keep-monthly", "--keep-3monthly", "--keep-yearly",
	}, name)
}

// FuzzArgv: whatever is ordered of a host whose owner allows everything, borg is
// given no option but those above, what is no option does not begin with a dash,
// and the environment is the same for all orders.
func FuzzArgv(f *testing.F) {
	seed := func(change func(*fleetv1.JobSpec)) {
		p := &fleetv1.JobSpec{
			Kind: "backup", TriggeredBy: "manual", CreatedAt: timestamppb.Now(), StartDeadline: timestamppb.Now(),
			Repository: &fleetv1.Repository{Path: "/srv/r", Encryption: "repokey", SourceDirectories: []string{"/etc"}, Name: "n"},
		}
		change(p)
		data, err := proto.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	seed(func(*fleetv1.JobSpec) {})
	seed(func(p *fleetv1.JobSpec) {
		r := p.Repository
		r.Compression, r.ExcludePatterns, r.ExcludeIfPresent, r.FileLog = "auto,zstd,3", []string{"*.o", "re:x", "sh:**"}, []string{".no"}, "all"
		r.UploadRatelimit, r.CheckpointInterval, r.LockWait, r.ArchiveNameFormat = 500, 60, 3, "{agent}-{job}"
	})
	seed(func(p *fleetv1.JobSpec) { p.Repository.Path = "ssh://-oProxyCommand=id@host/./r" })
	seed(func(p *fleetv1.JobSpec) { p.Repository.Path = "user@host:repo" })
	seed(func(p *fleetv1.JobSpec) { p.Kind = "init" })
	seed(func(p *fleetv1.JobSpec) { p.Kind = "list" })
	seed(func(p *fleetv1.JobSpec) {
		p.Kind, p.List = "list", &fleetv1.List{Archive: "a", Path: []byte("-x/\xff")}
	})
	seed(func(p *fleetv1.JobSpec) {
		p.Kind, p.Restore = "restore", &fleetv1.Restore{Archive: "a", Paths: [][]byte{[]byte("--rsh=x"), []byte("sh:**")}, Destination: "/srv/x"}
	})
	seed(func(p *fleetv1.JobSpec) {
		p.Kind, p.Repository.MatchArchives = "prune", "n-*"
		p.Prune = &fleetv1.Prune{KeepDaily: 7, KeepQuarterly: 2, KeepWithin: "2d", DryRun: true}
	})
	seed(func(p *fleetv1.JobSpec) { p.Kind = "compact" })
	seed(func(p *fleetv1.JobSpec) { p.Kind, p.Check = "check", &fleetv1.Check{MaxDuration: 60} })
	seed(func(p *fleetv1.JobSpec) { p.Kind, p.Check = "check", &fleetv1.Check{Depth: "data"} })
	seed(func(p *fleetv1.JobSpec) { p.Kind, p.Check = "check", &fleetv1.Check{Depth: "--repair"} })
	seed(func(p *fleetv1.JobSpec) { p.Kind = "break-lock" })
	conf := policy.Default()
	conf.Allow.All = true
	check, err := policy.New(conf, "/var/lib/agent", "")
	if err != nil {
		f.Fatal(err)
	}
	h := argvHost()
	f.Fuzz(func(t *testing.T, data []byte) {
		var p fleetv1.JobSpec
		if proto.Unmarshal(data, &p) != nil {
			return
		}
		spec, err := wire.ToSpec(&p)
		if err != nil || check.Check(spec) != nil {
			return
		}
		for _, inv := range commands(h, spec) {
			argvIsHarmless(t, inv)
		}
	})
}

func argvIsHarmless(t *testing.T, inv borg.Invocation) {
	t.Helper()
	end := slices.Index(inv.Args, "--")
	if end < 0 {
		t.Fatalf("nothing ends the options of %q", inv.Args)
	}
	verbs := 0
	for _, word := range inv.Args[:end] {
		if !strings.HasPrefix(word, "-") {
			verbs++
			if !slices.Contains([]string{"create", "init", "info", "list", "extract", "delete", "prune", "compact", "check", "break-lock"}, word) {
				t.Errorf("the command %q in %q", word, inv.Args)
			}
		} else if !harmless(word) {
			t.Errorf("the option %q in %q", word, inv.Args)
		}
		if rate, ok := strings.CutPrefix(word, "--upload-ratelimit="); ok && (len(rate) > 3 || len(rate) == 3 && rate > "100") {
			t.Errorf("%s, beyond what the host's owner allows", word)
		}
	}
	if verbs != 1 || end+1 == len(inv.Args) {
		t.Errorf("%d commands in %q", verbs, inv.Args)
	}
	for _, word := range inv.Args[end+1:] {
		if strings.HasPrefix(word, "-") || strings.ContainsRune(word, 0) || word == "" {
			t.Errorf("the word %q in %q", word, inv.Args)
		}
	}
	var names []string
	for _, v := range inv.Env {
		name, value, _ := strings.Cut(v, "=")
		names = append(names, name)
		if strings.HasSuffix(name, "_OK") || strings.HasSuffix(name, "_DOING") {
			continue // yes or no
		}
		if !slices.Contains(argvEnv, v) && name != "BORG_PASSPHRASE_FD" && name != "BORG_RSH" || name == "BORG_RSH" && !strings.HasPrefix(value, "/bin/sh -c ") {
			t.Errorf("the variable %q", v)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("a variable is there twice: %q", names)
	}
}

// argvEnv is what no order has a say in.
var argvEnv = []string{
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TZ=UTC", "LANG=C.UTF-8", "LC_ALL=C.UTF-8",
	"BORG_EXIT_CODES=modern", "BORG_HOST_ID=agent+m1", "BORG_DISPLAY_PASSPHRASE=no", "HOME=/home", "BORG_BASE_DIR=/base",
}
