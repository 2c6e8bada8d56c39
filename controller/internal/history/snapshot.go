package history

import "sort"

// snapshot is the index at one moment, as a reader holds it. Nothing in it
// changes but the columns that chunk says may change.
type snapshot struct {
	chunks []*chunk
	tail   int // rows of the last chunk
	rows   int
}

func (s *snapshot) count(ci int) int {
	if ci == len(s.chunks)-1 {
		return s.tail
	}
	return s.chunks[ci].n
}

// last is the position of the newest row.
func (s *snapshot) last() (Position, bool) {
	if s.rows == 0 {
		return Position{}, false
	}
	return s.chunks[len(s.chunks)-1].position(s.tail - 1), true
}

// find gives the place of the first row that is not before p, and whether that
// row is at p. Past the end it is (len(chunks), 0).
func (s *snapshot) find(p Position) (ci, ri int, there bool) {
	ci = sort.Search(len(s.chunks), func(i int) bool {
		return s.chunks[i].position(s.count(i)-1).compare(p) >= 0
	})
	if ci == len(s.chunks) {
		return ci, 0, false
	}
	c := s.chunks[ci]
	ri = c.search(p, s.count(ci))
	return ci, ri, c.position(ri) == p
}
