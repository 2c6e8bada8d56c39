package term

import (
	"slices"
	"strings"
)

// blocks are eighths of a character, of a column and of a bar.
const (
	columns = "▁▂▃▄▅▆▇█"
	eighths = "▏▎▍▌▋▊▉█"
)

// showsBlocks says whether a terminal has characters for parts of a block: the
// locale is one with Unicode, and the kind of terminal has a font for it.
func showsBlocks(getenv func(string) string) bool {
	if slices.Contains([]string{"linux", "dumb"}, getenv("TERM")) {
		return false
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} { // the first that is set decides
		if locale := strings.ToLower(getenv(name)); locale != "" {
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return false
}

// Bar is value as a bar, of width columns if it is most. It is for people: empty
// where nobody looks. What is more than nothing is seen.
func (s Screen) Bar(value, most int64, width int) string {
	if !s.Terminal || value <= 0 || most <= 0 || width <= 0 {
		return ""
	}
	share := min(float64(value)/float64(most), 1)
	if !s.Blocks {
		return strings.Repeat("#", max(1, int(share*float64(width))))
	}
	parts := max(1, int(share*float64(width)*8))
	bar := strings.Repeat("█", parts/8)
	if parts%8 > 0 {
		bar += string([]rune(eighths)[parts%8-1])
	}
	return bar
}

// Spark is a row of values as small columns, one character each; those that are
// nothing are left blank. It is empty where such characters are not shown.
func (s Screen) Spark(values []int64) string {
	if !s.Terminal || !s.Blocks || len(values) == 0 {
		return ""
	}
	most := slices.Max(values)
	var b strings.Builder
	for _, v := range values {
		if v <= 0 {
			b.WriteByte(' ')
			continue
		}
		step := min(int(float64(v)/float64(most)*8), 7)
		b.WriteRune([]rune(columns)[step])
	}
	return b.String()
}
