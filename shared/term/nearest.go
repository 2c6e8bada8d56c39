package term

import (
	"strings"
	"unicode/utf8"
)

// Nearest is the one of words that somebody who wrote word most likely meant;
// empty if none is near, or if two are equally so: a guess must not send anybody
// to the wrong host.
func Nearest(word string, words []string) string {
	// One slip in a short word, two in a longer one. In one of two letters
	// everything is near to everything.
	most := min(2, utf8.RuneCountInString(word)/3)
	best, found := most+1, ""
	for _, w := range words {
		switch d := slips(strings.ToLower(word), strings.ToLower(w)); {
		case w == word:
			return ""
		case d < best:
			best, found = d, w
		case d == best && w != found:
			found = ""
		}
	}
	return found
}

// slips counts the letters that were added, left out, changed or swapped with
// the next one between a and b.
func slips(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := []int(nil), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			changed := 1
			if x[i-1] == y[j-1] {
				changed = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+changed)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, make([]int, len(y)+1)
	}
	return last[len(y)]
}
