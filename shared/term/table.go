package term

import "strings"

// Column is one column of a Table.
type Column struct {
	Title string
	Right bool // aligned to the right, for numbers
	Cut   Cut  // what gives way when the terminal is too narrow
}

// Cut says how a column may be shortened.
type Cut int

const (
	CutNever Cut = iota // ids and states: half of one is none
	CutEnd
	CutStart // paths
)

// leastCut is what is left of a shortened column at least.
const leastCut = 8

const gap = "  "

// Table is rows under titles. Cells are made clean; on a terminal lines are no
// longer than it is wide, elsewhere nothing is cut.
type Table struct {
	Columns []Column
	rows    [][]string
}

// Add appends a row.
func (t *Table) Add(cells ...string) {
	row := make([]string, len(t.Columns))
	for i := range row {
		if i < len(cells) {
			row[i] = Clean(cells[i])
		}
		if row[i] == "" {
			row[i] = "-" // so that the words of a line can be counted
		}
	}
	t.rows = append(t.rows, row)
}

// Len is how many rows there are.
func (t *Table) Len() int { return len(t.rows) }

// Print writes titles and rows.
func (t *Table) Print(s Screen) error {
	widths := t.widths(s.Width())
	titles := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = c.Title
	}
	var b strings.Builder
	for _, row := range append([][]string{titles}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString(gap)
			}
			line.WriteString(pad(t.cut(i, cell, widths[i]), widths[i], t.Columns[i].Right))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return s.Printf("%s", b.String())
}

func (t *Table) cut(i int, cell string, width int) string {
	if t.Columns[i].Cut == CutStart {
		return cutStart(cell, width)
	}
	return cutEnd(cell, width)
}

// widths takes columns away from the widest that may be cut, one by one.
func (t *Table) widths(screen int) []int {
	widths := make([]int, len(t.Columns))
	total := len(gap) * (len(t.Columns) - 1)
	for i, c := range t.Columns {
		widths[i] = columns(c.Title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], columns(row[i]))
		}
		total += widths[i]
	}
	for screen > 0 && total > screen {
		widest := -1
		for i, c := range t.Columns {
			if c.Cut != CutNever && widths[i] > leastCut && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		total--
	}
	return widths
}
