package borg

import (
	"path"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// globRegexp is borg's own translation, for comparison.
func globRegexp(pattern string, shell bool) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '*' && shell && strings.HasPrefix(pattern[i:], "**/"):
			b.WriteString(`(?:[^/]*/)*`)
			i += 2
		case c == '*' && shell:
			b.WriteString(`[^/]*`)
		case c == '*':
			b.WriteString(`.*`)
		case c == '?' && shell:
			b.WriteString(`[^/]`)
		case c == '?':
			b.WriteString(`.`)
		case c == '[' && strings.IndexByte(pattern[i:], ']') > 1:
			end := i + strings.IndexByte(pattern[i:], ']')
			b.WriteString(strings.Replace(pattern[i:end+1], "[!", "[^", 1))
			i = end
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String())
}

func TestGlobAgreesWithRegexpProperty(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", "b", "ab", "/", "/", "*", "**/", "/**/", "?", "[a-b]", "[!a]", "*a", "/*"})
	rapid.Check(t, func(rt *rapid.T) {
		pattern := strings.Join(rapid.SliceOfN(part, 1, 7).Draw(rt, "pattern"), "")
		shell := rapid.Bool().Draw(rt, "shell")
		g, ok := compileGlob(pattern, shell)
		if !ok {
			return
		}
		re := globRegexp(pattern, shell)
		for range 10 {
			s := rapid.StringOfN(rapid.SampledFrom([]rune("aabb//c")), 0, 12, -1).Draw(rt, "s")
			if got, want := g.match(s), re.MatchString(s); got != want {
				rt.Fatalf("pattern %q (shell %v) on %q: %v, want %v", pattern, shell, s, got, want)
			}
		}
	})
}

func TestExcluder(t *testing.T) {
	for _, tt := range []struct {
		pattern      string
		matches, not string // paths, separated by spaces
	}{
		{"*.tmp", "a.tmp srv/a.tmp srv/x.tmp/y", "a.tmpx srv/a"},
		{"/srv/cache", "srv/cache srv/cache/a", "srv/cache2 x/srv/cache"},
		{"/srv/cache/", "srv/cache/a srv/cache/a/b", "srv/cache srv"},
		{"fm:/srv/*/x", "srv/a/x srv/a/b/x srv/a/x/y", "srv/x"},
		{"sh:/srv/*/x", "srv/a/x srv/a/x/y", "srv/a/b/x srv/x"},
		{"sh:**/node_modules", "node_modules a/b/node_modules a/node_modules/x", "a/node_modules2 xnode_modules"},
		{"sh:/srv/**/*.o", "srv/a.o srv/a/b.o srv/a/b/c.o", "srv/a.oo x/a.o"},
		{"sh:/srv/a/", "srv/a/b srv/a/b/c", "srv/a"},
		{"pp:/srv/a", "srv/a srv/a/b", "srv/ab srv"},
		{"pp:srv/a/", "srv/a srv/a/b", "srv/ab"},
		{"pf:/srv/a", "srv/a", "srv/a/b srv/ab"},
		{"/srv/[ab]?", "srv/ax srv/bé", "srv/cx srv/a"},
		{"/srv/[!ab]", "srv/c srv/ü", "srv/a"},
		{"/srv/[a", "srv/[a", "srv/a"},
		{"sh:/srv/*/[!.]*", "srv/a/b srv/a/b/c", "srv/a srv/a/.b"},
		{"/srv//a/../b", "srv/b", "srv/a"},
		{"*", "a a/b", ""},
	} {
		e, ok := newExcluder([]string{tt.pattern})
		if !ok {
			t.Errorf("%q was not translated", tt.pattern)
			continue
		}
		for _, p := range strings.Fields(tt.matches) {
			if !e.excludes(p + "/") {
				t.Errorf("%q does not exclude %q", tt.pattern, p)
			}
		}
		for _, p := range strings.Fields(tt.not) {
			if e.excludes(p + "/") {
				t.Errorf("%q excludes %q", tt.pattern, p)
			}
		}
	}
	for _, p := range []string{"re:^a", `[\w]`, "[^a]", "[a--z]", "[[:alpha:]]", "[z-a]", "sh:a**/b", "sh:*a[!b]*"} {
		if _, ok := newExcluder([]string{p}); ok {
			t.Errorf("%q was translated", p)
		}
	}
	if p := path.Clean(""); p != "." {
		t.Error("path.Clean and normpath differ")
	}
}
