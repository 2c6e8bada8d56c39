package borg

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// glob is one of borg's two shell-like patterns, ready to match. Python
// compiles them to regular expressions; matching them directly is several
// times as fast, and the size scan must cost next to nothing.
//
// fnmatch style (fm): * and ? match slashes too. Shell style (sh): they do not,
// and **/ stands for any number of directories, none included.
type glob struct {
	tokens []token
}

type token struct {
	kind tokenKind
	lit  string // of literal
	set  string // of class: ranges as pairs of runes
	not  bool   // of class
}

type tokenKind byte

const (
	literal  tokenKind = iota
	anyRune            // one character
	anyName            // one character but the slash
	class              // one of a set
	starAll            // any string
	starName           // any string without a slash
	starDirs           // any number of names, each with its slash
)

// compileGlob takes the pattern as borg's own translation sees it: normalised
// and with its ending. ok is false for a character class that Python reads in
// a way of its own, for **/ in the middle of a name, and for a class behind a
// star that may take the slash which ends the star's name.
func compileGlob(pattern string, shell bool) (g glob, ok bool) {
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			g.tokens = append(g.tokens, token{kind: literal, lit: lit.String()})
			lit.Reset()
		}
	}
	add := func(t token) {
		flush()
		// Two stars that match the same are one.
		if n := len(g.tokens); n > 0 && t.kind >= starAll && g.tokens[n-1].kind == t.kind {
			return
		}
		g.tokens = append(g.tokens, t)
	}
	for i := 0; i < len(pattern); {
		switch c := pattern[i]; {
		case c == '*' && shell && strings.HasPrefix(pattern[i:], "**/"):
			if i > 0 && pattern[i-1] != '/' {
				// In the middle of a name match would have to go back to
				// more than one star.
				return glob{}, false
			}
			add(token{kind: starDirs})
			i += 3
		case c == '*' && shell:
			add(token{kind: starName})
			i++
		case c == '*':
			add(token{kind: starAll})
			i++
		case c == '?' && shell:
			add(token{kind: anyName})
			i++
		case c == '?':
			add(token{kind: anyRune})
			i++
		case c == '[':
			t, n, ok := parseClass(pattern[i:])
			if !ok {
				return glob{}, false
			}
			if n == 0 { // no closing bracket: itself
				lit.WriteByte(c)
				i++
				continue
			}
			flush()
			if shell && t.has('/') && g.endsInStar() {
				return glob{}, false // for match, as above
			}
			add(t)
			i += n
		default:
			lit.WriteByte(c)
			i++
		}
	}
	flush()
	return g, true
}

// endsInStar tells whether there is a star in the name that the pattern ends in.
func (g glob) endsInStar() bool {
	for _, t := range slices.Backward(g.tokens) {
		switch {
		case t.kind == starName:
			return true
		case t.kind == starDirs, t.kind == literal && strings.Contains(t.lit, "/"):
			return false
		}
	}
	return false
}

// parseClass reads "[...]" at the start of s; n is its length, 0 if it has no
// end. Classes with a backslash or with set operators, and those that begin
// with "^", mean different things in different versions of Python.
func parseClass(s string) (t token, n int, ok bool) {
	i := 1
	if i < len(s) && s[i] == '!' {
		i++
	}
	if i < len(s) && s[i] == ']' {
		i++
	}
	end := strings.IndexByte(s[min(i, len(s)):], ']')
	if end < 0 {
		return token{}, 0, true
	}
	end += i
	body := s[1:end]
	t = token{kind: class}
	if rest, not := strings.CutPrefix(body, "!"); not {
		t.not, body = true, rest
	}
	if body == "" || strings.ContainsAny(body, `\^[&~|`) || strings.Contains(body, "--") || !utf8.ValidString(body) {
		return token{}, 0, false
	}
	var set strings.Builder
	runes := []rune(body)
	for j := 0; j < len(runes); j++ {
		lo, hi := runes[j], runes[j]
		if j+2 < len(runes) && runes[j+1] == '-' {
			hi = runes[j+2]
			j += 2
			if lo > hi {
				return token{}, 0, false
			}
		}
		set.WriteRune(lo)
		set.WriteRune(hi)
	}
	t.set = set.String()
	return t, end + 1, true
}

func (t token) has(r rune) bool {
	for rest := t.set; rest != ""; {
		lo, n := utf8.DecodeRuneInString(rest)
		hi, m := utf8.DecodeRuneInString(rest[n:])
		if lo <= r && r <= hi {
			return !t.not
		}
		rest = rest[n+m:]
	}
	return t.not
}

// match matches the whole of s. It remembers the last star of each kind and
// goes back to those alone: for an earlier star of the same kind the later one
// can take up all the slack.
func (g glob) match(s string) bool {
	type mark struct{ token, pos int }
	none := mark{-1, 0}
	name, dirs, all := none, none, none
	ti, si := 0, 0
	for {
		if ti < len(g.tokens) {
			t := &g.tokens[ti]
			switch t.kind {
			case starName:
				ti++
				name = mark{ti, si}
				continue
			case starDirs:
				ti++
				dirs, name = mark{ti, si}, none
				continue
			case starAll:
				ti++
				all, dirs, name = mark{ti, si}, none, none
				continue
			case literal:
				if strings.HasPrefix(s[si:], t.lit) {
					ti, si = ti+1, si+len(t.lit)
					continue
				}
			default:
				if si < len(s) {
					r, n := rune(s[si]), 1
					if r >= utf8.RuneSelf {
						r, n = utf8.DecodeRuneInString(s[si:])
					}
					if t.kind == anyRune || t.kind == anyName && r != '/' || t.kind == class && t.has(r) {
						ti, si = ti+1, si+n
						continue
					}
				}
			}
		} else if si == len(s) {
			return true
		}
		// No match here: let the innermost star take more.
		switch {
		case name.token >= 0 && name.pos < len(s) && s[name.pos] != '/':
			name.pos += runeLen(s[name.pos:])
			ti, si = name.token, name.pos
		case dirs.token >= 0 && strings.IndexByte(s[dirs.pos:], '/') >= 0:
			dirs.pos += strings.IndexByte(s[dirs.pos:], '/') + 1
			ti, si, name = dirs.token, dirs.pos, none
		case all.token >= 0 && all.pos < len(s):
			all.pos += runeLen(s[all.pos:])
			// Straight to where the next literal is.
			if all.token < len(g.tokens) && g.tokens[all.token].kind == literal {
				i := strings.Index(s[all.pos:], g.tokens[all.token].lit)
				if i < 0 {
					return false
				}
				all.pos += i
			}
			ti, si, name, dirs = all.token, all.pos, none, none
		default:
			return false
		}
	}
}

func runeLen(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}
