package term

import (
	"cmp"
	"slices"
	"strings"
)

// Column is one column of a Table.
type Column struct {
	Title string
	Right bool // aligned to the right, for numbers
	Cut   Cut  // what gives way when the terminal is too narrow
	Drop  int  // when that is not enough the columns with the highest number go first; 0: it stays
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
// longer than it is wide, elsewhere nothing is cut or left out.
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
	shown, widths := t.layout(s.Width())
	titles := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = c.Title
	}
	var b strings.Builder
	for n, row := range append([][]string{titles}, t.rows...) {
		line := t.line(row, shown, widths, n == 0)
		if width := s.Width(); width > 0 {
			line = cutEnd(line, width)
		}
		b.WriteString(line + "\n")
	}
	return s.Printf("%s", b.String())
}

func (t *Table) line(row []string, shown, widths []int, title bool) string {
	var line strings.Builder
	for n, i := range shown {
		if n > 0 {
			line.WriteString(gap)
		}
		cut := cutEnd
		if t.Columns[i].Cut == CutStart && !title {
			cut = cutStart
		}
		line.WriteString(pad(cut(row[i], widths[i]), widths[i], t.Columns[i].Right))
	}
	return strings.TrimRight(line.String(), " ")
}

// layout says which columns are shown, and how wide each column is.
func (t *Table) layout(screen int) (shown, widths []int) {
	for i := range t.Columns {
		shown = append(shown, i)
	}
	for {
		widths, fits := t.widths(shown, screen)
		if fits {
			return shown, widths
		}
		least := slices.MaxFunc(shown, func(i, j int) int { return cmp.Compare(t.Columns[i].Drop, t.Columns[j].Drop) })
		if t.Columns[least].Drop == 0 {
			return shown, widths
		}
		shown = slices.DeleteFunc(shown, func(i int) bool { return i == least })
	}
}

// widths takes columns away from the widest that may be cut, one by one.
func (t *Table) widths(shown []int, screen int) (widths []int, fits bool) {
	widths = make([]int, len(t.Columns))
	total := len(gap) * (len(shown) - 1)
	for _, i := range shown {
		widths[i] = Columns(t.Columns[i].Title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], Columns(row[i]))
		}
		total += widths[i]
	}
	for screen > 0 && total > screen {
		widest := -1
		for _, i := range shown {
			if t.Columns[i].Cut != CutNever && widths[i] > leastCut && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return widths, false
		}
		widths[widest]--
		total--
	}
	return widths, true
}
