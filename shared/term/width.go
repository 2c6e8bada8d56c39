package term

import (
	"strings"
	"unicode"
)

const ellipsis = "…"

// Columns is how many columns s takes on a terminal. It knows what matters in
// file and host names: combining marks take none, East Asian letters and emoji
// two.
func Columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// cutEnd shortens s to at most width columns, at its end.
func cutEnd(s string, width int) string {
	if Columns(s) <= width {
		return s
	}
	used := 0
	for i, r := range s {
		if used += runeColumns(r); used > width-1 {
			return s[:i] + ellipsis
		}
	}
	return s
}

// cutStart shortens s at its beginning, for paths: their end tells more.
func cutStart(s string, width int) string {
	left := Columns(s)
	if left <= width {
		return s
	}
	for i, r := range s {
		if left <= width-1 {
			return ellipsis + s[i:]
		}
		left -= runeColumns(r)
	}
	return ellipsis
}

func pad(s string, width int, right bool) string {
	space := strings.Repeat(" ", max(0, width-Columns(s)))
	if right {
		return space + s
	}
	return s + space
}
