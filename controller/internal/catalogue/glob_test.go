package catalogue

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"borgfleet/shared/job"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern string
		matches []string
		others  []string
	}{
		{"", []string{""}, []string{"a"}},
		{"*", []string{"", "a", "a:b\nc", "ä"}, []string{"a/b"}},
		{"web-*", []string{"web-", "web-1.checkpoint"}, []string{"Web-1", "xweb-1"}},
		{"a.c", []string{"a.c"}, []string{"abc"}},
		{"a?c", []string{"abc", "aäc"}, []string{"ac", "a/c"}},
		{"[a-c]", []string{"b"}, []string{"d", "-", "[a-c]"}},
		{"[!a-c]x", []string{"dx"}, []string{"ax", "x"}},
		{"[]-]", []string{"]", "-"}, []string{"["}},
		{"[^a]", []string{"^", "a"}, []string{"b"}},
		{"[ab", []string{"[ab"}, []string{"a"}},
		{`[\d]`, []string{`\`, "d"}, []string{"1"}},
		{"a(b|c)+", []string{"a(b|c)+"}, []string{"ab"}},
	} {
		g, err := Compile(c.pattern)
		if err != nil {
			t.Fatalf("%q: %v", c.pattern, err)
		}
		for _, name := range c.matches {
			if !g.Match(name) {
				t.Errorf("%q does not match %q", c.pattern, name)
			}
		}
		for _, name := range c.others {
			if g.Match(name) {
				t.Errorf("%q matches %q", c.pattern, name)
			}
		}
	}
	if _, err := Compile("x[z-a]"); err == nil {
		t.Error("a range from its end to its beginning is taken")
	}
	if (Glob{}).Match("") {
		t.Error("no pattern matches")
	}
}

// borgMatch asks borg's own translation of patterns. It answers for each
// pattern and name true, false, or null for a pattern that borg fails at.
const borgMatch = `
import json, re, sys, warnings
warnings.simplefilter("ignore")
from borg.shellpattern import translate
def ask(p, n):
    try:
        return re.compile(translate(p)).match(n) is not None
    except re.error:
        return None
print(json.dumps([ask(p, n) for p, n in json.load(sys.stdin)]))
`

// TestGlobIsBorgs compares with borg itself.
func TestGlobIsBorgs(t *testing.T) {
	words := rapid.SampledFrom([]string{"a", "b", "c", "z", "-", "*", "?", "[", "]", "!", "^", `\`, "**/", "/", ".", "ä", "[a-c]", "[!", "&&", "\n"})
	phrase := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(words, 0, 6).Draw(t, "words"), "") })
	var asked [][2]string
	for seed := range 3000 {
		asked = append(asked, [2]string{phrase.Example(2 * seed), phrase.Example(2*seed + 1)})
	}
	in, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "-c", borgMatch)
	cmd.Stdin = strings.NewReader(string(in))
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("borg is not installed for /usr/bin/python3: %v", err)
	}
	var want []*bool
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	matched := 0
	for i, w := range want {
		g, err := Compile(asked[i][0])
		switch {
		case (err != nil) != (w == nil):
			t.Errorf("%q: %v; borg takes it: %v", asked[i][0], err, w != nil)
		case w != nil && g.Match(asked[i][1]) != *w:
			t.Errorf("%q, %q: %v, borg says %v", asked[i][0], asked[i][1], !*w, *w)
		case w != nil && *w:
			matched++
		}
	}
	if matched < 20 {
		t.Errorf("%d matches: nothing was tested", matched)
	}
}

// TestPatternsOfRegistrations: they match their own archives and borg's
// checkpoints of them, and not those of a host or repository whose name only
// begins the same.
func TestPatternsOfRegistrations(t *testing.T) {
	g, err := Compile(job.ArchivePattern(job.Repository{Name: "home"}, "web"))
	if err != nil {
		t.Fatal(err)
	}
	const own = "web-home-2026-11-26T02:36:38.123"
	for name, want := range map[string]bool{
		own: true, own + ".checkpoint": true, own + ".checkpoint.1": true,
		"web-home-old-2026-11-26T02:36:38.123": false, "web-home-by-hand": false, "web-home-": false,
	} {
		if g.Match(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
