package history

import "time"

// Span gives when the oldest and the newest job were made; zero: there is none.
func (ix *Index) Span() (oldest, newest time.Time) {
	s := ix.snap.Load()
	if s.rows == 0 {
		return time.Time{}, time.Time{}
	}
	last := len(s.chunks) - 1
	from, to := s.chunks[0].created[0], s.chunks[last].created[s.count(last)-1]
	return time.Unix(0, from).UTC(), time.Unix(0, to).UTC()
}
