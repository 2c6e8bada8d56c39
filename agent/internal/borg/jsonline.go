package borg

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// fields walks over the members of one JSON object. borg's lines are flat, and
// there can be twelve thousand of them a second: encoding/json costs several
// times as much, most of it for things that are thrown away.
type fields struct {
	b     []byte
	pos   int
	begun bool // a member was read, so the next one needs a comma
	bad   bool
}

// member is one key and its value as it stands in the text. raw of a string is
// what is between its quotes.
type member struct {
	key     []byte // undecoded: the keys that matter have no escapes
	kind    byte   // '"' string, '0' number, 't', 'f', 'n', '{', '['
	raw     []byte
	escaped bool
}

func newFields(b []byte) *fields {
	f := &fields{b: b}
	f.space()
	if !f.eat('{') {
		f.bad = true
	}
	return f
}

// next returns false at the end of the object, and after an error.
func (f *fields) next(m *member) bool {
	if f.bad {
		return false
	}
	f.space()
	if f.eat('}') {
		f.space()
		f.bad = f.pos != len(f.b)
		return false
	}
	if f.begun {
		if !f.eat(',') {
			f.bad = true
			return false
		}
		f.space()
	}
	f.begun = true
	var esc bool
	if m.key, esc = f.str(); m.key == nil {
		f.bad = true
		return false
	}
	if esc {
		m.key = []byte{'?'} // no key of borg's has an escape
	}
	f.space()
	if !f.eat(':') {
		f.bad = true
		return false
	}
	f.space()
	if !f.value(m) {
		f.bad = true
		return false
	}
	return true
}

func (f *fields) value(m *member) bool {
	if f.pos >= len(f.b) {
		return false
	}
	m.escaped = false
	switch c := f.b[f.pos]; {
	case c == '"':
		m.kind = '"'
		m.raw, m.escaped = f.str()
		return m.raw != nil
	case c == '-' || c >= '0' && c <= '9':
		start := f.pos
		for f.pos < len(f.b) && numberByte(f.b[f.pos]) {
			f.pos++
		}
		m.kind, m.raw = '0', f.b[start:f.pos]
		return true
	case c == 't':
		return f.word(m, "true")
	case c == 'f':
		return f.word(m, "false")
	case c == 'n':
		return f.word(m, "null")
	case c == '{' || c == '[':
		return f.nested(m)
	}
	return false
}

func numberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

func (f *fields) word(m *member, w string) bool {
	if len(f.b)-f.pos < len(w) || string(f.b[f.pos:f.pos+len(w)]) != w {
		return false
	}
	m.kind, m.raw = w[0], f.b[f.pos:f.pos+len(w)]
	f.pos += len(w)
	return true
}

// nested steps over an object or array that nobody here looks into.
func (f *fields) nested(m *member) bool {
	start, depth := f.pos, 0
	m.kind = f.b[f.pos]
	for f.pos < len(f.b) {
		switch f.b[f.pos] {
		case '"':
			if s, _ := f.str(); s == nil {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		f.pos++
		if depth == 0 {
			m.raw = f.b[start:f.pos]
			return true
		}
	}
	return false
}

// str returns what is between the quotes, nil if there is no string here.
func (f *fields) str() (raw []byte, escaped bool) {
	if !f.eat('"') {
		return nil, false
	}
	start := f.pos
	for f.pos < len(f.b) {
		switch c := f.b[f.pos]; {
		case c == '"':
			f.pos++
			return f.b[start : f.pos-1 : f.pos-1], escaped
		case c == '\\':
			escaped = true
			f.pos++
		case c < 0x20:
			return nil, false
		}
		f.pos++
	}
	return nil, false
}

func (f *fields) eat(c byte) bool {
	if f.pos < len(f.b) && f.b[f.pos] == c {
		f.pos++
		return true
	}
	return false
}

func (f *fields) space() {
	for f.pos < len(f.b) {
		switch f.b[f.pos] {
		case ' ', '\t', '\r', '\n':
			f.pos++
		default:
			return
		}
	}
}

// text decodes a string value; anything else is "".
func (m *member) text() string {
	if m.kind != '"' {
		return ""
	}
	if !m.escaped {
		return string(m.raw)
	}
	return unescape(m.raw)
}

// unescape decodes JSON's escapes. A lone low surrogate U+DC80 to U+DCFF is
// Python's way to carry a byte that was not UTF-8: it becomes that byte again.
func unescape(raw []byte) string {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '\\' || i+1 >= len(raw) {
			out = append(out, c)
			continue
		}
		i++
		switch raw[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, ok := hex4(raw, i+1)
			if !ok {
				out = append(out, `\u`...)
				continue
			}
			i += 4
			if utf16.IsSurrogate(r) {
				if i+2 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
					if low, ok := hex4(raw, i+3); ok {
						if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
							out = utf8.AppendRune(out, pair)
							i += 6
							continue
						}
					}
				}
				if r >= 0xdc80 && r <= 0xdcff {
					out = append(out, byte(r-0xdc00))
					continue
				}
			}
			out = utf8.AppendRune(out, r)
		default: // quote, backslash, slash
			out = append(out, raw[i])
		}
	}
	return string(out)
}

func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// integer reads a number; fractions are cut off. Anything else is 0.
func (m *member) integer() int64 {
	if m.kind != '0' {
		return 0
	}
	var n int64
	for i, c := range m.raw {
		if c < '0' || c > '9' || i > 17 {
			return int64(m.number())
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

func (m *member) number() float64 {
	if m.kind != '0' {
		return 0
	}
	x, err := strconv.ParseFloat(string(m.raw), 64)
	if err != nil {
		return 0
	}
	return x
}
