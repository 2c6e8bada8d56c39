package borgmatic

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"borgfleet/agent/internal/policy"
	"borgfleet/shared/definitions"
)

func ways() map[string]Options {
	return map[string]Options{
		"host":  {Hostname: "db1", Home: "/root", Agent: "db1"},
		"other": {Hostname: "db1", Home: "/root", Agent: "database-one"},
		"label": {Hostname: "db1", Home: "/root", Agent: "db1", Label: "role=db"},
	}
}

// TestGolden: each sample, in each way, gives what is in its golden file. That
// parses, repeats no secret, and its lines for agent.yaml are good ones. With
// BORGFLEET_WRITE_GOLDEN=1 the files are written anew.
func TestGolden(t *testing.T) {
	samples, err := filepath.Glob("testdata/*/config.yaml")
	if err != nil || len(samples) < 5 {
		t.Fatal(samples, err)
	}
	for _, sample := range samples {
		for way, options := range ways() {
			t.Run(filepath.Base(filepath.Dir(sample))+" "+way, func(t *testing.T) {
				r, err := Import(sample, options)
				if err != nil {
					t.Fatal(err)
				}
				got, err := r.YAML()
				if err != nil {
					t.Fatal(err)
				}
				golden := filepath.Join(filepath.Dir(sample), way+".golden")
				if os.Getenv("BORGFLEET_WRITE_GOLDEN") != "" {
					if err := os.WriteFile(golden, got, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%v; it is now\n%s", err, got)
				}
				if _, err := definitions.Parse(got); err != nil {
					t.Errorf("it does not parse: %v", err)
				}
				if bytes.Contains(got, []byte("hunter2")) {
					t.Error("it repeats a secret")
				}
				conf := strings.Join(r.Agent, "\n")
				if _, err := policy.Parse([]byte(conf)); err != nil {
					t.Errorf("agent.yaml: %v in\n%s", err, conf)
				}
			})
		}
	}
}

// TestNothingIsDropped: each key of each sample, and every option that borgmatic
// has by itself, is either taken or listed with its line.
func TestNothingIsDropped(t *testing.T) {
	samples, err := filepath.Glob("testdata/*/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, sample := range samples {
		im := importerOf(t, sample)
		for _, o := range im.options {
			if !o.taken && !isNull(o.value) && len(o.value.Content)+len(o.value.Value) > 0 && !im.listed(o) {
				t.Errorf("%s: %s is neither taken nor listed", sample, o.label())
			}
		}
	}
	for name := range untaken() {
		for _, form := range []string{"%s: x\n", "%s: [x]\n", "%s: {x: y}\n"} {
			im := importerOf(t, write(t, "source_directories: [/etc]\nrepositories: [/r]\n"+fmt.Sprintf(form, name)))
			if len(im.result.Refused) != 1 || im.result.Refused[0].Line != 3 || im.result.Refused[0].Key != name {
				t.Errorf("%s: %v", name, im.result.Refused)
			}
		}
	}
}

// TestEveryKeyIsSeen: each key that is read, given alone, changes what comes out, or
// is listed with its line.
func TestEveryKeyIsSeen(t *testing.T) {
	keys := map[string]string{
		"archive_name_format": "a-{now}", "borg_base_directory": "/b", "checkpoint_interval": "900", "checks": "[data]", "compression": "zstd",
		"constants": "5", "encryption_passcommand": "pass x", "encryption_passphrase": "x", "exclude_caches": "true", "exclude_from": "[nosuch]",
		"exclude_if_present": "[.no]", "exclude_patterns": "[/x]", "keep_3monthly": "1", "keep_daily": "1", "keep_hourly": "1", "keep_monthly": "1",
		"keep_weekly": "1", "keep_within": "2d", "keep_yearly": "1", "local_path": "/b", "lock_wait": "5", "match_archives": "sh:x*",
		"one_file_system": "true", "patterns": "[R /x]", "patterns_from": "[nosuch]", "prefix": "x-", "remote_rate_limit": "9", "repositories": "[/other]",
		"retries": "2", "retry_wait": "90", "skip_actions": "[check]", "source_directories": "[/other]", "ssh_command": "ssh -x", "upload_rate_limit": "9",
	}
	for _, name := range readKeys(t) {
		value := keys[name]
		if value == "" {
			t.Fatalf("this test has no value for %s", name)
		}
		without := rest(name)
		if bytes.Equal(yamlOf(t, without), yamlOf(t, without+name+": "+value+"\n")) {
			t.Errorf("%s: %s is dropped in silence", name, value)
		}
	}
}

// rest is a configuration without a key.
func rest(name string) (out string) {
	for key, value := range map[string]string{"repositories": "[/r]", "source_directories": "[/etc]"} {
		if key != name {
			out += key + ": " + value + "\n"
		}
	}
	return out
}

// readKeys are the names that the importer asks for.
func readKeys(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`im\.(?:take|takeIn|word|number|numberOf|flag|lines)\((?:"(?:retention|consistency)", )?"(\w+)"`).FindAllSubmatch(text, -1) {
			if name := string(m[1]); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) < 30 {
		t.Fatal(names)
	}
	return names
}

func yamlOf(t *testing.T, text string) []byte {
	t.Helper()
	file := write(t, text)
	r, err := Import(file, ways()["host"])
	if err != nil {
		return []byte(err.Error()[len(file):])
	}
	r.File = "" // its folder is another each time
	out, err := r.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestOneRepositoryOfAHost: where its keys are changes no other repository, and what
// changes all is said to.
func TestOneRepositoryOfAHost(t *testing.T) {
	got := string(yamlOf(t, "repositories: [/r, /s]\nborg_base_directory: /var/lib/b b\nssh_command: ssh -i /k\nlocal_path: /opt/borg\n"))
	for _, want := range []string{
		"adopt /r --borg-base-dir '/var/lib/b b'\n", "adopt /s --borg-base-dir '/var/lib/b b'\n",
		"3 ssh_command: in agent.yaml it is for all repositories", "4 local_path: in agent.yaml it is for all repositories",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "borg_base_dir:") {
		t.Errorf("it is for all of the host:\n%s", got)
	}
}

// TestOtherThanSaid: what becomes something else is mentioned with its line, and
// nothing is said of what is not there.
func TestOtherThanSaid(t *testing.T) {
	for _, c := range []struct {
		said, want, not string
	}{
		{"skip_actions: [check]\nchecks: [{name: repository, frequency: 2 weeks}, {name: data, frequency: 1 year}]", "4 checks: skip_actions leaves the check out", "run_check_after\na schedule has one check"},
		{"skip_actions: [check]", "3 skip_actions: no check follows a backup", "run_check_after"},
		{"skip_actions: [prune]\nkeep_daily: 3", "3 skip_actions: no prune follows a backup", "run_prune_after"},
		{"prefix: 'x-'\nmatch_archives: 'sh:y-*'", "3 prefix: match_archives counts", ""},
		{"consistency:\n  prefix: x-", "4 consistency.prefix: a check looks at all archives", ""},
		{"retry_wait: 10", "3 retry_wait: a schedule waits from 60 to 86400 seconds before it tries again: 60 are put in its place", ""},
		{"retry_wait: 100000", "86400 are put in its place", ""},
		{"retry_wait: 60", "retry_delay: 1m", "are put in its place"},
		{"retries: 99", "3 retries: 10 are the most", ""},
		{"retries: 10", "retries: 10", "are the most"},
		{"encryption_passphrase: hunter2\nencryption_passcommand: pass x", "4 encryption_passcommand: encryption_passphrase counts", "hunter2"},
		{"upload_rate_limit: 5\nremote_rate_limit: 9", "4 remote_rate_limit: upload_rate_limit counts", ""},
		{"checks: [{frequency: 2 weeks}]", "3 checks: the entry names no check", "run_check_after"},
		{"checks: [disabled, data]", "3 checks: disabled counts", "run_check_after"},
		{"checks: [{name: extract, max_duration: 5}, repository]", "there is no check extract here", "max_duration"},
		{"checks: [{name: repository, max_duration: 5}]", "check_max_duration: 5", "Not taken"},
	} {
		got := string(yamlOf(t, rest("")+c.said+"\n"))
		if !strings.Contains(got, c.want) {
			t.Errorf("%s:\n%s\nwant %s", c.said, got, c.want)
		}
		for not := range strings.Lines(c.not) {
			if not = strings.TrimSpace(not); strings.Contains(got, not) {
				t.Errorf("%s:\n%s\nit has %s", c.said, got, not)
			}
		}
	}
}

func (im *importer) listed(o *option) bool {
	return slices.ContainsFunc(im.result.Refused, func(n Note) bool { return n.Key == o.label() && n.Line == o.key.Line })
}

func importerOf(t *testing.T, file string) *importer {
	t.Helper()
	im := newImporter(file, ways()["host"])
	root, err := im.source.load(file, 0)
	if err != nil {
		t.Fatal(err)
	}
	im.run(root)
	return im
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	long := write(t, strings.Repeat("# long\n", mostFile/6))
	for text, want := range map[string]string{
		"":                                       "names no repositories",
		"# nothing\n":                            "names no repositories",
		"- a\n":                                  "line 1: here must be a section of keys",
		"a: [\n":                                 "line 1",
		"a: 1\n<<: !include nosuch.yaml\n":       "line 2: !include: stat ",
		"<<: !include config.yaml\n":             "it includes or repeats too much",
		"a: !include\n":                          "line 1: !include names no file",
		"a: !include []\n":                       "line 1: !include names no file",
		"<<: 5\n":                                "line 1: << takes sections of keys only",
		"a: !include " + dir + "\n":              "is not a file",
		"a: !include " + long + "\n":             "is it the right file?",
		"a: &a [*a]\n":                           "it includes or repeats too much",
		"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + bomb(): "it includes or repeats too much",
	} {
		_, err := Import(write(t, text), ways()["host"])
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text[:min(len(text), 60)], err, want)
		}
	}
	if _, err := Import(filepath.Join(dir, "nosuch"), Options{}); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// bomb is short, and long when its aliases are carried out.
func bomb() string {
	var b strings.Builder
	for c := 'b'; c < 'k'; c++ {
		p := c - 1
		fmt.Fprintf(&b, "%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat("*"+string(p)+",", 10), ","))
	}
	return b.String()
}

func FuzzImport(f *testing.F) {
	samples, _ := filepath.Glob("testdata/*/*.yaml")
	for _, sample := range samples {
		if data, err := os.ReadFile(sample); err == nil {
			f.Add(data, true)
			f.Add(data, false)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, label bool) {
		options := ways()["host"]
		if label {
			options = ways()["label"]
		}
		r, err := imported(data, "testdata/flat/config.yaml", options)
		if err != nil {
			return
		}
		text, err := r.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := definitions.Parse(text); err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
		if _, err := policy.Parse([]byte(strings.Join(r.Agent, "\n"))); err != nil {
			t.Errorf("agent.yaml: %v", err)
		}
	})
}
