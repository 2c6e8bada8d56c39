package definitions

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"borgfleet/shared/strictyaml"
)

const root = "../.."

// TestSamples: whatever the repository shows people parses.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docs", "definitions", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal("there are no samples", err)
	}
	for _, file := range files {
		f, err := Load(file)
		if err != nil {
			t.Error(err)
		}
		if len(f.Repositories)+len(f.Channels())+len(f.Users) == 0 {
			t.Errorf("%s defines nothing", file)
		}
	}
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for _, file := range append(documents, filepath.Join(root, "README.md")) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(data), -1) {
			blocks++
			if _, err := Parse([]byte(m[1])); err != nil {
				t.Errorf("%s: %v in\n%s", file, err, m[1])
			}
		}
	}
	if blocks == 0 {
		t.Error("no document shows definitions")
	}
}

// TestInvalidSamples: each begins with what is to be said about it.
func TestInvalidSamples(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 90 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.Lines(string(data)) {
			text, ok := strings.CutPrefix(line, "# ")
			if !ok {
				break
			}
			want = append(want, strings.TrimSuffix(text, "\n"))
		}
		_, err = Parse(data)
		if err == nil {
			t.Errorf("%s passes", file)
			continue
		}
		said := strings.Split(err.Error(), "\n")
		if len(said) != len(want) || !slices.EqualFunc(said, want, strings.HasPrefix) {
			t.Errorf("%s: it says\n%s\nand not\n%s", file, err, strings.Join(want, "\n"))
		}
		if strings.Contains(err.Error(), "T0PS3CRET") {
			t.Errorf("%s: %v repeats a secret", file, err)
		}
		if strings.Contains(err.Error(), "definitions.") {
			t.Errorf("%s: %v names a Go type", file, err)
		}
	}
}

func fleet() []Agent {
	return []Agent{
		{ID: "1", Name: "web1", Labels: map[string]string{"role": "web"}},
		{ID: "2", Name: "web2", Labels: map[string]string{"role": "web", "site": "b"}},
		{ID: "3", Name: "db1", Labels: map[string]string{"role": "db"}},
	}
}

func TestHosts(t *testing.T) {
	const rest = ", encryption: none, source_directories: [/etc]}\n"
	for _, tt := range []struct {
		entry string
		want  string // name, path and host of each
		err   string
	}{
		{`{name: a, path: /a, agent: db1`, "a /a db1", ""},
		{`{name: a, path: /a, agent: "3"`, "a /a db1", ""},
		{`{name: "{agent}", path: "/a/{agent}", agent: db1`, "db1 /a/db1 db1", ""},
		{`{name: "{agent}-etc", path: "ssh://h/{agent}", for: {label: role=web}`, "web1-etc ssh://h/web1 web1, web2-etc ssh://h/web2 web2", ""},
		{`{name: a, path: /a, for: {label: role=web}`, "a /a web1, a /a web2", ""},
		{`{name: a, path: /a, for: {label: role=none}`, "", ""},
		{`{name: a, path: /a, for: {label: "site="}`, "", ""},
		{`{name: a, path: /a, for: {agents: [db1, web2]}`, "a /a db1, a /a web2", ""},
		{`{name: a, path: "ssh://h/a", for: {agents: [db1]}`, "a ssh://h/a db1", ""},
		{`{name: a, path: "ssh://h/a", shared: true, for: {agents: [db1, web1]}`, "a ssh://h/a db1, a ssh://h/a web1", ""},
		{`{name: "{agent}-` + strings.Repeat("x", 61) + `", path: /a, agent: db1`, "", `: it has 65 bytes; at most 64 are taken`},
		{`{name: a, path: /a, agent: db2`, "", `repository a: no host of the fleet has the name or id "db2"`},
		{`{name: a, path: /a, for: {agents: [db1, db2]}`, "", `no host of the fleet has the name or id "db2"`},
		{`{name: a, path: /a`, "", "repository a: this fleet has 3 hosts: say with agent or for"},
		{`{name: a, path: /a, for: {agents: [db1, db1]}`, "", "repository a: on db1 it would be /a, and so would a above it"},
		{`{name: b, path: "/{agent}", agent: web2, encryption: none, source_directories: [/etc]}` + "\n  - " + `{name: a, path: "/{agent}", for: {label: role=web}`, "", "repository a: on web2 it would be /web2, and so would b above it"},
		{`{name: web2, path: /b, agent: web2, encryption: none, source_directories: [/etc]}` + "\n  - " + `{name: "{agent}", path: /a, for: {label: role=web}`, "", "repository {agent}: on web2 it would be web2, and so would web2 above it"},
	} {
		f, err := Parse([]byte("repositories:\n  - " + tt.entry + rest))
		if err != nil {
			t.Errorf("%s: %v", tt.entry, err)
			continue
		}
		on, err := f.On(fleet())
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %s", tt.entry, err, tt.err)
			}
			continue
		}
		var got []string
		for _, o := range on {
			got = append(got, o.Repository.Name+" "+o.Path+" "+o.Agent.Name)
		}
		if err != nil || strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: %v, %v", tt.entry, got, err)
		}
	}
}

func TestWhatCarriesTheHost(t *testing.T) {
	f, err := Parse([]byte(`repositories:
  - name: r
    path: /r
    for: {label: site=b}
    encryption: repokey
    passphrase: {file: "p/{agent}"}
    source_directories: [/etc]
    archive_name_format: "{agent}-{now}"
    match_archives: "{agent}-*"
`))
	if err != nil {
		t.Fatal(err)
	}
	fleet := fleet()
	fleet[1].Name = "web:2" // archives have no colon
	on, err := f.On(fleet)
	if err != nil || len(on) != 1 {
		t.Fatal(on, err)
	}
	if r := on[0].Repository; r.Passphrase.FileFrom("/d") != "/d/p/web:2" || r.MatchArchives != "web-2-*" || r.ArchiveNameFormat != "{agent}-{now}" {
		t.Errorf("%+v %+v", r, r.Passphrase)
	}
	if f.Repositories[0].Passphrase.File != "p/{agent}" {
		t.Error("the entry was changed")
	}
}

// TestWritten: what is written is read as it was, whatever stands in it, or it is not
// written.
func TestWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.SampledFrom([]string{"yes", "1e3", "null", "~", "{agent}", "a: b", "'", "\"", "a\nb", "a\n\nb\n", "\ta\nb", "\ta\n", " a\nb", "\r\n", "\u0085", "\u2028", "\ufeff", "\x1b", "日本", "2026-11-26", "0x1f", "<<", "---"}), rapid.String()).Draw(t, "text")
		f := File{
			Repositories: []Repository{{Name: text, Path: text, Agent: text, SourceDirectories: []string{text, "b"}, Passphrase: &Secret{File: text, Env: "b"}}},
			Schedules:    []Schedule{{Name: text, CronExpression: text, Repositories: References{{Name: text}, {Name: text, Agent: "b" + text}}}},
			Notifications: &Notifications{
				Channels: []Channel{{Name: text, Type: "mail", Host: text, To: []string{text, "b"}}},
				Rules:    []Rule{{Name: text, Events: []string{text, "b"}, Channels: []string{text}}},
			},
			Users: []User{{Name: text, Role: text}},
		}
		for _, f := range []File{f, {Users: f.Users}} { // the writer may refuse parts of the first by itself
			data, err := f.YAML()
			if err != nil {
				if !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsGraphic(c) && !unicode.Is(unicode.Co, c) }) {
					t.Fatalf("%q: %v", text, err)
				}
				continue
			}
			var read File
			if err := strictyaml.Decode(data, &read); err != nil || !reflect.DeepEqual(read, f) {
				t.Fatalf("%q: %v\n%s\n%+v", text, err, data, read)
			}
		}
	})
	for _, text := range []string{"a\nb", "a: \"b'\n# c", "\u2028", "\x1b"} {
		f := File{Users: []User{{Name: text, Role: "admin"}}}
		if data, err := f.YAML(); err != nil {
			t.Errorf("%q: %v\n%s", text, err, data)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", root + "/docs/definitions/*.yaml"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			if data, err := os.ReadFile(file); err == nil {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			return
		}
		_, _ = file.On(fleet())
	})
}
