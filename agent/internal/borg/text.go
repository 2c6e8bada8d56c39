package borg

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// escapeText makes text safe for logs, terminals and JSON: valid UTF-8, with
// control characters and invalid bytes written out. Newlines and tabs stay if
// multiline is set; else they are written as \n and \t, so that a file name
// cannot pretend to be a log line.
func escapeText[T string | []byte](s T, multiline bool) string {
	if clean(s, multiline) {
		return string(s)
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		}
		switch {
		case r == utf8.RuneError && n <= 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
			n = 1
		case r == '\n' && !multiline:
			b.WriteString(`\n`)
		case r == '\t' && !multiline:
			b.WriteString(`\t`)
		case r == '\n' || r == '\t' || r >= 0x20 && r < 0x7f || r >= 0xa0:
			b.WriteString(string(s[i : i+n]))
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default: // U+0080 to U+009F: terminals take some of them for commands
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += n
	}
	return b.String()
}

// clean is the common case, without a copy.
func clean[T string | []byte](s T, multiline bool) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c < 0x7f || multiline && (c == '\n' || c == '\t') {
			continue
		}
		if c < 0x80 {
			return false
		}
		rest := string(s[i:])
		if !utf8.ValidString(rest) {
			return false
		}
		for _, r := range rest {
			if r < 0x20 && !(multiline && (r == '\n' || r == '\t')) || r >= 0x7f && r < 0xa0 {
				return false
			}
		}
		return true
	}
	return true
}

// clip shortens to at most n bytes, at a character's border.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = "…"
	n -= len(mark)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}
