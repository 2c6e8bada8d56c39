package term

import "strings"

// Fields is a list of names and values, one on a line.
type Fields struct {
	rows [][2]string
}

// Add appends a line. An empty value is left out.
func (f *Fields) Add(name, value string) {
	if value != "" {
		f.rows = append(f.rows, [2]string{name, CleanRows(value)})
	}
}

// Print writes the list, aligned.
func (f *Fields) Print(s Screen) error {
	width := 0
	for _, r := range f.rows {
		width = max(width, Columns(r[0]))
	}
	var b strings.Builder
	for _, r := range f.rows {
		b.WriteString(pad(r[0], width, false) + gap + r[1] + "\n")
	}
	return s.Printf("%s", b.String())
}
