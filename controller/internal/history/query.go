package history

import "borgfleet/shared/job"

// Query gives the ids of up to limit rows that f selects, newest first,
// beginning after the position after (zero: with the newest). next is where to
// go on, more whether there is anything there.
func (ix *Index) Query(f Filter, after Position, limit int) (ids []int64, next Position, more bool) {
	if limit <= 0 {
		return nil, after, true
	}
	m := ix.matcher(f)
	ix.scan(&m, after, func(c *chunk, i int) bool {
		if len(ids) == limit {
			more = true
			return false
		}
		ids, next = append(ids, c.id[i]), c.position(i)
		return true
	})
	return ids, next, more
}

// Repositories gives those that have a row which f selects.
func (ix *Index) Repositories(f Filter) map[int64]bool {
	m := ix.matcher(f)
	have := map[uint32]bool{}
	ix.scan(&m, Position{}, func(c *chunk, i int) bool {
		have[c.repository[i]] = true
		return true
	})
	ids := make(map[int64]bool, len(have))
	for number := range have {
		ids[ix.repositories.value(number)] = true
	}
	return ids
}

// scan calls yield for the rows that m selects, newest first, until it says no.
func (ix *Index) scan(m *matcher, after Position, yield func(c *chunk, i int) bool) {
	if m.none {
		return
	}
	s := ix.snap.Load()
	ci, end := s.before(after, m.until)
	var sel selected
	for ; ci >= 0; ci-- {
		c := s.chunks[ci]
		if c.created[s.count(ci)-1] < m.since {
			return
		}
		if end < 0 {
			end = s.count(ci)
		}
		for n := m.rows(c, end, &sel); n > 0; n-- {
			i := int(sel[n-1])
			if c.created[i] < m.since || !yield(c, i) {
				return
			}
		}
		end = -1
	}
}

// before gives the place after the newest row that is before the position after
// (zero: any) and created before until: a chunk, and the number of its rows
// that count, -1 for all. A chunk of -1 means that there is no such row.
func (s *snapshot) before(after Position, until int64) (ci, end int) {
	p := Position{created: until, id: -1 << 63}
	if !after.IsZero() && after.compare(p) < 0 {
		p = after
	}
	ci, end, _ = s.find(p)
	if end == 0 { // the row before is in the chunk before
		return ci - 1, -1
	}
	return ci, end
}

// newest finds the newest row of one repository. The writer's lock is held.
func (ix *Index) newest(repository uint32, f Filter) mark {
	m := ix.matcher(f)
	m.equal(repositoryColumn, repository, pickRepository)
	return ix.first(&m)
}

// newestOf finds the newest backup of one repository that a schedule stands behind.
// The writer's lock is held.
func (ix *Index) newestOf(repository, schedule uint32) mark {
	m := ix.matcher(anyBackup())
	m.equal(repositoryColumn, repository, pickRepository)
	m.equal(scheduleColumn, schedule, pickEqual)
	return ix.first(&m)
}

// first is the newest row that m selects.
func (ix *Index) first(m *matcher) mark {
	var found mark
	ix.scan(m, Position{}, func(c *chunk, i int) bool {
		found = c.mark(i)
		return false
	})
	return found
}

func anyBackup() Filter { return Filter{Kinds: []job.Kind{job.Backup}} }

func goodBackup() Filter {
	f := anyBackup()
	for _, s := range job.Statuses() {
		if s.Good() {
			f.Statuses = append(f.Statuses, s)
		}
	}
	return f
}
