package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
	"borgfleet/scripts/treecmp"
	"borgfleet/shared/term/cmdline"
)

// moving is a fleet of two hosts that borgmatic has backed up so far, with one
// configuration.
type moving struct {
	*testenv.Env
	t      *testing.T
	conf   string
	file   string // of definitions
	source string
}

func newMoving(t *testing.T) *moving {
	t.Helper()
	dir := t.TempDir()
	m := &moving{t: t, conf: filepath.Join(dir, "config.yaml"), file: filepath.Join(dir, "web.yaml"), source: t.TempDir()}
	fatal(t, treecmp.Zoo(m.source))
	m.Env = newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "web1"}, {Name: "web2"}}})
	pass := filepath.Join(dir, "pass")
	fatal(t, os.WriteFile(pass, []byte("correct horse battery\n"), 0o600))
	store := filepath.Join(m.Repositories(), "store")
	fatal(t, os.Mkdir(store, 0o700))
	for _, host := range []string{"web1", "web2"} {
		repo := filepath.Join(store, host+".borg")
		m.borg("init", "-e", "repokey", repo)
		m.borg("create", repo+"::"+host+"-2026-01-31T01:02:03.000004", m.source)
	}
	fatal(t, os.WriteFile(m.conf, []byte(`location:
    source_directories:
        - `+m.source+`
    repositories:
        - `+store+`/{hostname}.borg
    exclude_patterns: ['*.none']
storage:
    encryption_passcommand: cat `+pass+`
    compression: zstd,1
    lock_wait: 30
retention:
    keep_daily: 7
consistency:
    checks: [disabled]
`), 0o600))
	return m
}

// borg runs as the account of all hosts, which borgmatic ran as.
func (m *moving) borg(args ...string) {
	m.t.Helper()
	cmd := exec.Command("borg", args...)
	cmd.Env = []string{"HOME=" + filepath.Join(m.Dir, "home"), "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "BORG_PASSPHRASE=correct horse battery"}
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("borg %v: %v\n%s", args, err, out)
	}
}

// label gives a host the label that the definitions are for.
func (m *moving) label(host string) {
	m.t.Helper()
	fatal(m.t, m.API.Do("PATCH", "/api/agents/"+host, map[string]any{"labels": map[string]string{"role": "web"}}, nil))
}

// documented are the commands of a document, without what stands behind them, and
// where their output goes.
func documented(t *testing.T, document string) (commands [][]string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", document))
	fatal(t, err)
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "borgfleet-") {
			continue
		}
		line, _, _ = strings.Cut(line, "#")
		line, _, _ = strings.Cut(line, ">")
		commands = append(commands, strings.Fields(line))
	}
	return commands
}

// document checks that what is written is what the test types.
func (m *moving) document() {
	m.t.Helper()
	imports, applies := [][]string{}, [][]string{}
	for _, document := range []string{"from-borgmatic.md", "definitions.md"} {
		for _, c := range documented(m.t, document) {
			switch c[1] {
			case "import-borgmatic":
				imports = append(imports, c)
			case "apply":
				c[2] = "FILE"
				applies = append(applies, c)
			case "export": // TestExportAndApply types it
			default:
				m.t.Errorf("%s has a command that no test types: %v", document, c)
			}
		}
	}
	if len(imports) != 2 || len(applies) != 4 {
		m.t.Fatalf("the documents have %v, %v", imports, applies)
	}
	for _, c := range imports {
		c[2] = m.conf
		if out, err := m.Hosts["web1"].CLI(c[1:]...); err != nil || !strings.Contains(out, "repositories:") {
			m.t.Errorf("%v: %v, %s", c, err, out)
		}
	}
	for i, want := range []string{"apply FILE --dry-run", "apply FILE", "apply FILE --dry-run", "apply FILE"} {
		if got := strings.Join(applies[i][1:], " "); got != want {
			m.t.Errorf("the documents have %s", got)
		}
	}
}

// prepare types on a host what the definitions say has to be typed there.
func (m *moving) prepare(host, definitions string) {
	m.t.Helper()
	typed := 0
	for line := range strings.Lines(definitions) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "#   borgfleet-agent ")
		if !ok {
			continue
		}
		typed++
		words := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(command, "{agent}", host), "'", ""))
		if _, err := m.Hosts[host].CLI(words...); err != nil {
			m.t.Fatal(err)
		}
	}
	if typed == 0 {
		m.t.Fatalf("nothing is to be typed on a host:\n%s", definitions)
	}
}

// apply applies the file, and gives what it shows and its exit status.
func (m *moving) apply(more ...string) (string, int) {
	m.t.Helper()
	out, err := m.Controller.CLI(append([]string{"apply", m.file}, more...)...)
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return out, e.ExitCode()
	}
	fatal(m.t, err)
	return out, 0
}

// TestFromBorgmatic: a configuration of borgmatic becomes definitions for all hosts
// with a label; these are applied, and backups run on both, beside the archives that
// were there. A host that gets its label later is taken by the next apply.
func TestFromBorgmatic(t *testing.T) {
	t.Parallel()
	m := newMoving(t)
	definitions, err := m.Hosts["web1"].CLI("import-borgmatic", m.conf, "--label", "role=web")
	fatal(t, err)
	fatal(t, os.WriteFile(m.file, []byte(definitions), 0o600))
	for _, host := range []string{"web1", "web2"} {
		m.prepare(host, definitions)
	}

	if out, code := m.apply("--dry-run"); code != 0 || !strings.Contains(out, "no host has what it is for yet") {
		t.Errorf("with no host: %d, %s", code, out)
	}
	m.label("web1")
	if out, code := m.apply("--dry-run"); code != cmdline.ExitDifferent || !strings.Contains(out, "repository web1 on web1: taken over") {
		t.Errorf("not applied yet: %d, %s", code, out)
	}
	if out, code := m.apply("--yes"); code != 0 {
		t.Fatalf("%d, %s", code, out)
	}
	m.label("web2")
	if out, code := m.apply("--yes"); code != 0 || !strings.Contains(out, "repository web2 on web2: taken over") || !strings.Contains(out, "+ web2 on web2") || !strings.Contains(out, "1 unchanged") {
		t.Errorf("a host that came later: %d, %s", code, out)
	}
	if out, code := m.apply("--dry-run"); code != 0 || out != "3 unchanged: nothing to do\n" {
		t.Errorf("a second time: %d, %s", code, out)
	}

	var started struct {
		JobIDs []int64 `json:"job_ids"`
	}
	fatal(t, m.API.Post("/api/schedule/1/run-now", nil, &started))
	if len(started.JobIDs) != 2 {
		t.Fatalf("started %v", started.JobIDs)
	}
	for _, id := range started.JobIDs {
		if j, err := m.Finish(id); err != nil || j.Status != "completed" {
			t.Errorf("%+v, %v", j, err)
		}
		fatal(t, m.Await("what follows has ended", func() (bool, error) {
			var j struct {
				Maintenance *string `json:"maintenance_status"`
			}
			err := m.API.Get("/api/backup/status/"+itoa(id), &j)
			return j.Maintenance != nil && *j.Maintenance == "maintenance_completed", err
		}))
	}
	var list struct {
		Repositories []struct {
			Name               string
			Archives           int
			ArchivesUnmatched  int  `json:"archives_unmatched"`
			AccountDirectories bool `json:"account_directories"`
			Retention          struct {
				Daily int `json:"keep_daily"`
			}
		}
	}
	fatal(t, m.API.Get("/api/repositories", &list))
	for _, r := range list.Repositories {
		if r.Archives != 2 || r.ArchivesUnmatched != 0 || !r.AccountDirectories || r.Retention.Daily != 7 {
			t.Errorf("%+v: the old and the new archive are to be its own", r)
		}
	}
	if len(list.Repositories) != 2 {
		t.Error(list)
	}
	m.edited(definitions)
	m.document()
}

// edited: the file is changed by hand, and only that is changed.
func (m *moving) edited(definitions string) {
	m.t.Helper()
	fatal(m.t, os.WriteFile(m.file, []byte(strings.ReplaceAll(definitions, "'*.none'", "'*.other'")), 0o600))
	if out, code := m.apply("--yes"); code != 0 || strings.Count(out, "+ *.other") != 2 || !strings.Contains(out, "1 unchanged") {
		m.t.Errorf("%d, %s", code, out)
	}
	var r struct {
		ExcludePatterns []string `json:"exclude_patterns"`
		Compression     string
	}
	fatal(m.t, m.API.Get("/api/repositories/2", &r))
	if len(r.ExcludePatterns) != 1 || r.ExcludePatterns[0] != "*.other" || r.Compression != "zstd,1" {
		m.t.Errorf("%+v", r)
	}
	var log struct {
		Entries []struct{ What, On string }
	}
	fatal(m.t, m.API.Get("/api/audit?what=changeRepository", &log))
	if len(log.Entries) != 2 {
		m.t.Errorf("the audit log has %+v", log.Entries)
	}
}
