package borg

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"borgfleet/shared/job"
)

// ParseEntry reads a line of the answer to Contents. Times are rounded to
// microseconds, and a further name of a file has no size. The target of a symlink is
// what borg makes of it: bytes that are not UTF-8 are "?" there.
func ParseEntry(line []byte) (job.Entry, error) {
	s := entryScanner{rest: line}
	e := job.Entry{Type: s.word(), Mode: s.word(), UID: s.number(), GID: s.number(), Size: s.number()}
	e.MTime = borgTime(s.word())
	e.User, e.Group, e.Target = s.literal(), s.literal(), s.literal()
	e.Path = s.literal()
	if s.bad || len(s.rest) > 0 || len(e.Type) != 1 || len(e.Mode) < 10 || !clean(e.Type+e.Mode, false) || e.Path == "" {
		return job.Entry{}, fmt.Errorf("not an entry of an archive: %q", clip(string(line), 200))
	}
	if e.Mode[0] == 'h' { // borg's letter for one name more of a file
		e.Type, e.Mode = "h", e.Type+e.Mode[1:]
	}
	return e, nil
}

// EntryText is an entry for people, on one line. name is its last part.
func EntryText(e job.Entry) string {
	name := e.Path[strings.LastIndexByte(e.Path, '/')+1:]
	if e.Implied {
		return escapeText(name, false) + "/"
	}
	text := fmt.Sprintf("%s %s %s %d %s %s", e.Mode, escapeText(e.User, false), escapeText(e.Group, false),
		e.Size, e.MTime.UTC().Format(time.RFC3339), escapeText(name, false))
	switch e.Type {
	case "l":
		text += " -> " + escapeText(e.Target, false)
	case "h":
		text += " link to " + escapeText(e.Target, false)
	}
	return text
}

// entryScanner reads the parts of a line. bad stays set.
type entryScanner struct {
	rest []byte
	bad  bool
}

func (s *entryScanner) word() string {
	word, rest, found := bytes.Cut(s.rest, []byte{' '})
	s.bad = s.bad || !found
	s.rest = rest
	return string(word)
}

func (s *entryScanner) number() int64 {
	n, err := strconv.ParseInt(s.word(), 10, 64)
	s.bad = s.bad || err != nil
	return n
}

// literal reads one of Python's ASCII string literals, or a bare number, which
// borg gives for an owner without a name.
func (s *entryScanner) literal() string {
	if len(s.rest) == 0 || s.rest[0] != '\'' && s.rest[0] != '"' {
		return s.word()
	}
	text, n, err := unquotePython(s.rest)
	if err != nil {
		s.bad, s.rest = true, nil
		return ""
	}
	s.rest = s.rest[n:]
	if len(s.rest) > 0 && s.rest[0] == ' ' {
		s.rest = s.rest[1:]
	}
	return text
}

var errLiteral = errors.New("not a string of Python's")

// unquotePython decodes the literal at the beginning of b and says how long it
// is.
func unquotePython(b []byte) (text string, n int, err error) {
	quote := b[0]
	out := make([]byte, 0, len(b))
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == quote:
			return string(out), i + 1, nil
		case c != '\\':
			out = append(out, c)
		case i+1 == len(b):
			return "", 0, errLiteral
		default:
			i++
			var used int
			if out, used = appendEscape(out, b[i:]); used < 0 {
				return "", 0, errLiteral
			}
			i += used
		}
	}
	return "", 0, errLiteral
}

// appendEscape decodes what follows a backslash. used is how many bytes there
// are beyond the letter, negative if it is no escape that Python writes.
func appendEscape(out, b []byte) (_ []byte, used int) {
	digits := 0
	switch b[0] {
	case 'n':
		return append(out, '\n'), 0
	case 'r':
		return append(out, '\r'), 0
	case 't':
		return append(out, '\t'), 0
	case '\\', '\'', '"':
		return append(out, b[0]), 0
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		return out, -1
	}
	if len(b) < 1+digits {
		return out, -1
	}
	r, err := strconv.ParseUint(string(b[1:1+digits]), 16, 32)
	if err != nil {
		return out, -1
	}
	if r >= 0xdc80 && r <= 0xdcff { // Python's way to carry a byte that is not UTF-8
		return append(out, byte(r-0xdc00)), digits
	}
	return utf8.AppendRune(out, rune(r)), digits
}
