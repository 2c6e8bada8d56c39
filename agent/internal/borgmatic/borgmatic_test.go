package borgmatic

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
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
