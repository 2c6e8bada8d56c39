package catalogue

import (
	"errors"
	"regexp"
	"strings"
)

// Glob is one of borg 1.x's patterns for archive names (--glob-archives).
type Glob struct{ re *regexp.Regexp }

var errRange = errors.New("it has a range in brackets whose end comes before its beginning")

// Compile reads a pattern as borg does: * and ? stand for anything but a slash,
// **/ for any number of folders, [abc], [a-z] and [!abc] for one character. A
// bracket that is not closed is itself.
func Compile(pattern string) (Glob, error) {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for rest := []rune(pattern); len(rest) > 0; {
		n := 1
		switch {
		case strings.HasPrefix(string(rest), "**/"):
			b.WriteString(`(?:[^/]*/)*`)
			n = 3
		case rest[0] == '*':
			b.WriteString(`[^/]*`)
		case rest[0] == '?':
			b.WriteString(`[^/]`)
		case rest[0] == '[':
			var class string
			class, n = bracket(rest)
			b.WriteString(class)
		default:
			b.WriteString(regexp.QuoteMeta(string(rest[0])))
		}
		rest = rest[n:]
	}
	b.WriteString(`\z`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return Glob{}, errRange // all else was quoted
	}
	return Glob{re}, nil
}

// Match says whether the pattern matches the whole name.
func (g Glob) Match(name string) bool { return g.re != nil && g.re.MatchString(name) }

// bracket gives the character class that pattern begins with, and its length.
func bracket(pattern []rune) (class string, length int) {
	end := 1
	if end < len(pattern) && pattern[end] == '!' {
		end++
	}
	if end < len(pattern) && pattern[end] == ']' {
		end++ // the first one is meant
	}
	for end < len(pattern) && pattern[end] != ']' {
		end++
	}
	if end >= len(pattern) {
		return `\[`, 1
	}
	var b strings.Builder
	b.WriteByte('[')
	inner := pattern[1:end]
	if inner[0] == '!' {
		b.WriteByte('^')
		inner = inner[1:]
	}
	for i, r := range inner {
		if r == '-' && i > 0 && i < len(inner)-1 {
			b.WriteByte('-')
			continue
		}
		b.WriteString(quoteInClass(r))
	}
	b.WriteByte(']')
	return b.String(), end + 1
}

func quoteInClass(r rune) string {
	if strings.ContainsRune(`\]^-[&~|`, r) {
		return `\` + string(r)
	}
	return string(r)
}
