package ptytest

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// screen does what a terminal does with the few commands that our programs and
// shells use. What it does not know is shown, so that a test sees it.
type screen struct {
	columns, rows int
	cells         [][]string // one character each; "" behind a wide one
	x, y          int
	rest          []byte // of a character or a command that is not whole yet
}

func newScreen(columns, rows int) *screen {
	s := &screen{columns: columns, rows: rows}
	for range rows {
		s.cells = append(s.cells, s.emptyRow())
	}
	return s
}

func (s *screen) emptyRow() []string {
	row := make([]string, s.columns)
	for i := range row {
		row[i] = " "
	}
	return row
}

func (s *screen) String() string {
	rows := make([]string, 0, s.rows)
	for _, cells := range s.cells {
		rows = append(rows, strings.TrimRight(strings.Join(cells, ""), " "))
	}
	return strings.TrimRight(strings.Join(rows, "\n"), "\n")
}

func (s *screen) write(data []byte) {
	s.rest = append(s.rest, data...)
	for len(s.rest) > 0 {
		if s.rest[0] == 0x1b {
			n := s.command(s.rest)
			if n == 0 {
				return
			}
			s.rest = s.rest[n:]
			continue
		}
		if !utf8.FullRune(s.rest) {
			return
		}
		r, n := utf8.DecodeRune(s.rest)
		s.put(r)
		s.rest = s.rest[n:]
	}
}

func (s *screen) put(r rune) {
	switch r {
	case '\r':
		s.x = 0
	case '\n':
		s.down()
	case '\b':
		s.x = max(0, s.x-1)
	case '\a':
	case '\t':
		s.x = min(s.columns-1, s.x/8*8+8)
	default:
		s.show(r)
	}
}

func (s *screen) show(r rune) {
	if unicode.In(r, unicode.Mn) {
		if s.x > 0 {
			s.cells[s.y][s.x-1] += string(r)
		}
		return
	}
	width := 1
	if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) {
		width = 2
	}
	if s.x+width > s.columns { // only now: a full row is no reason to begin another
		s.x = 0
		s.down()
	}
	s.cells[s.y][s.x] = string(r)
	if width == 2 {
		s.cells[s.y][s.x+1] = ""
	}
	s.x += width
}

func (s *screen) down() {
	if s.y < s.rows-1 {
		s.y++
		return
	}
	s.cells = append(s.cells[1:], s.emptyRow())
}

// command carries out what stands at the beginning of data, and says how long
// it is; 0: it is not whole yet.
func (s *screen) command(data []byte) int {
	if len(data) < 2 {
		return 0
	}
	if data[1] != '[' {
		s.show('␛')
		return 1
	}
	end := 2
	for end < len(data) && (data[end] < '@' || data[end] > '~') {
		end++
	}
	if end == len(data) {
		return 0
	}
	number, err := strconv.Atoi(string(data[2:end]))
	if err != nil {
		number = 0
	}
	switch data[end] {
	case 'm', 'h', 'l', 'n': // colours and modes
	case 'A':
		s.y = max(0, s.y-max(1, number))
	case 'B':
		s.y = min(s.rows-1, s.y+max(1, number))
	case 'C':
		s.x = min(s.columns-1, s.x+max(1, number))
	case 'D':
		s.x = max(0, s.x-max(1, number))
	case 'G':
		s.x = max(0, number-1)
	case 'H':
		s.x, s.y = 0, 0
	case 'K':
		copy(s.cells[s.y][min(s.x, s.columns):], s.emptyRow())
	case 'J':
		if number == 2 {
			for y := range s.cells {
				s.cells[y] = s.emptyRow()
			}
			break
		}
		copy(s.cells[s.y][min(s.x, s.columns):], s.emptyRow())
		for y := s.y + 1; y < s.rows; y++ {
			s.cells[y] = s.emptyRow()
		}
	default:
		for _, c := range string(data[:end+1]) {
			s.show(c)
		}
	}
	return end + 1
}
