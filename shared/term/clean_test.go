package term

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain name":        "plain name",
		"größe 日本 🙂":        "größe 日本 🙂",
		"\x1b]0;owned\x07":  `\x1b]0;owned\x07`,
		"a\x1b[2Jb":         `a\x1b[2Jb`,
		"line\nnext\ttab\r": `line\nnext\ttab\r`,
		"bad\xff":           `bad\xff`,
		"c1\u009b31m":       `c1\u009b31m`,
		"gpj.\u202eexe":     `gpj.\u202eexe`,
		"\u2028":            `\u2028`,
		"\x7f":              `\x7f`,
		"\uFFFD":            "\uFFFD",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCleanRowsKeepsRowsApart(t *testing.T) {
	got := CleanRows("first\r\nsecond\n\x1b[1mthird\n\n")
	if want := "first\n    second\n    \\x1b[1mthird"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[0m\xff\u202e\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, commands) {
			t.Errorf("Clean(%q) = %q", s, got)
		}
		if Clean(got) != got {
			t.Errorf("Clean(%q) is not clean", got)
		}
	})
}
